//! What functions are called, and the parts of what they share: SharedFunctionInfo, ScopeInfo, UncompiledData.

use super::graph::Graph;
use super::layout::kind::Kind;
use super::memory::Address;
use super::object::Object;
use super::size::ScopeInfo;

impl<'m> Graph<'m> {
    /// `SharedFunctionInfo::Name`: the string, if it is not empty by lack of one.
    pub fn function_name(&self, shared: &Object<'m>) -> Option<Address> {
        let holder = self.object(shared.pointer(self.layout().function.name_or_scope_info)?)?;
        if holder.kind().is_string() {
            return Some(holder.address);
        }
        let scope_info = self.scope_info(&holder)?;
        self.string_at(&holder, scope_info.function_name()?)
    }

    /// `SharedFunctionInfo::DebugName` of a function: its name, or what the parser inferred.
    pub fn debug_name(&self, shared: &Object<'m>) -> Option<Address> {
        if let Some(name) = self
            .function_name(shared)
            .filter(|&name| !self.is_empty_string(name))
        {
            return Some(name);
        }
        let function = &self.layout().function;
        let holder = shared
            .pointer(function.name_or_scope_info)
            .and_then(|holder| self.object(holder));
        let scope_info = holder.as_ref().and_then(|holder| self.scope_info(holder));
        let inferred = match (holder, scope_info) {
            (Some(holder), Some(scope_info)) => {
                self.string_at(&holder, scope_info.inferred_name()?)
            }
            _ => {
                let data = self.uncompiled_data(shared)?;
                Some(
                    self.string_in(&data, function.uncompiled_inferred_name)?
                        .address,
                )
            }
        };
        inferred.filter(|&name| !self.is_empty_string(name))
    }

    /// What stands in for a function that is not compiled yet.
    pub fn uncompiled_data(&self, shared: &Object<'m>) -> Option<Object<'m>> {
        let function = &self.layout().function;
        self.object_in(shared, function.function_data, Kind::UncompiledData)
    }

    /// The parts of the scope info `object`.
    pub fn scope_info(&self, object: &Object<'m>) -> Option<ScopeInfo<'m>> {
        (object.kind() == Kind::ScopeInfo)
            .then(|| ScopeInfo::new(&self.layout().scope_info, object.view()))
    }

    /// The string that the slot of `object` at `offset` holds.
    pub fn string_at(&self, object: &Object<'m>, offset: u64) -> Option<Address> {
        let string = self.object(object.tagged(offset).strong()?)?;
        string.kind().is_string().then_some(string.address)
    }
}
