//! Link flags of the addon. The helper executable needs none.

fn main() {
    // Without this line any file of the package, such as a text or an input of the fuzzer, has all built anew.
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "addon")]
    {
        napi_build::setup();
        // Node unmaps an addon when the last worker that loaded it ends, under our monitor thread. A library linked with
        // `-z nodelete` stays mapped.
        let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
        if target == "linux" {
            println!("cargo:rustc-link-arg-cdylib=-Wl,-z,nodelete");
        }
    }
}
