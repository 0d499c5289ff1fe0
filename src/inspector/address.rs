//! From what the addon knows of the inspector to the websocket on the loopback interface.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Instant;

use serde::Deserialize;
use tungstenite::http::Uri;

use super::{Error, IO_THREAD_PATIENCE};
use crate::request::InspectorAddress;

/// More than any list of targets; a stranger may send without end.
const LONGEST_ANSWER: u64 = 1 << 20;

/// A websocket on the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to connect.
    pub socket: SocketAddr,
    /// What to ask for there. Its host is an IP address, which is the only kind of host that Node trusts.
    pub url: String,
}

/// Finds the websocket, by asking the inspector where only its port is known.
pub fn find(address: &InspectorAddress) -> Result<Endpoint, Error> {
    match address {
        InspectorAddress::Url(url) => on_loopback(url),
        InspectorAddress::Port(port) => on_loopback(&ask_for_url(*port)?),
    }
}

fn on_loopback(url: &str) -> Result<Endpoint, Error> {
    let malformed = || Error::Malformed {
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let (Some("ws"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16())
    else {
        return Err(malformed());
    };
    let host = match host.trim_matches(['[', ']']) {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        literal => literal.parse(),
    };
    let ip = match host {
        // An inspector that listens on every interface is reached on this one.
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.into(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.into(),
        Ok(ip) if ip.is_loopback() => ip,
        _ => {
            return Err(Error::NotLoopback {
                url: url.to_owned(),
            });
        }
    };
    let socket = SocketAddr::new(ip, port);
    Ok(Endpoint {
        socket,
        url: format!("ws://{socket}{}", uri.path()),
    })
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "webSocketDebuggerUrl")]
    url: Option<String>,
}

/// Asks for the list of targets (src/inspector_socket_server.cc): `GET /json/list`.
fn ask_for_url(port: u16) -> Result<String, Error> {
    let socket = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let no_inspector = |reason: String| Error::NoInspector {
        address: socket.to_string(),
        reason,
    };
    let stream = TcpStream::connect_timeout(&socket, IO_THREAD_PATIENCE).map_err(|source| {
        Error::Unreachable {
            address: socket.to_string(),
            source,
        }
    })?;
    let answer =
        get(&stream, &socket, "/json/list").map_err(|error| no_inspector(describe(&error)))?;
    let body = split(&answer).map_or(&[][..], |(_head, body)| body);
    let targets: Vec<Target> = serde_json::from_slice(body)
        .map_err(|_| no_inspector("it sent no list of targets".into()))?;
    let node = targets.into_iter().find(|target| target.kind == "node");
    node.and_then(|target| target.url)
        .ok_or_else(|| no_inspector("it lists no Node process".into()))
}

/// One request, and all that comes back before the peer has said everything or `IO_THREAD_PATIENCE` ends.
fn get(mut stream: &TcpStream, host: &SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + IO_THREAD_PATIENCE;
    stream.set_write_timeout(Some(IO_THREAD_PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&answer) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() as u64 > LONGEST_ANSWER {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
    Ok(answer)
}

/// Node keeps the connection open, so the length it announces is the only end.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer) else {
        return false;
    };
    let length = String::from_utf8_lossy(head).lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            value.trim().parse::<usize>().ok()
        } else {
            None
        }
    });
    length.is_some_and(|length| body.len() >= length)
}

/// What comes before and after the empty line, once that has arrived.
fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&answer[..head], &answer[head + 4..]))
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!(
                "it answered nothing useful in {} s",
                IO_THREAD_PATIENCE.as_secs()
            )
        }
        io::ErrorKind::FileTooLarge => "its answer has no end".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn url_of(url: &str) -> Result<String, Error> {
        find(&InspectorAddress::Url(url.into())).map(|endpoint| endpoint.url)
    }

    #[test]
    fn a_loopback_address_is_used_as_it_is() {
        for url in [
            "ws://127.0.0.1:9229/0f2c",
            "ws://[::1]:9229/0f2c",
            "ws://127.3.2.1:1/x",
        ] {
            assert_eq!(url_of(url).unwrap(), url);
        }
    }

    #[test]
    fn an_inspector_on_every_interface_is_reached_on_loopback() {
        assert_eq!(
            url_of("ws://0.0.0.0:9229/0f2c").unwrap(),
            "ws://127.0.0.1:9229/0f2c"
        );
        assert_eq!(
            url_of("ws://[::]:9229/0f2c").unwrap(),
            "ws://[::1]:9229/0f2c"
        );
        assert_eq!(
            url_of("ws://localhost:9229/0f2c").unwrap(),
            "ws://127.0.0.1:9229/0f2c"
        );
    }

    #[test]
    fn any_other_interface_is_refused() {
        for url in [
            "ws://192.168.1.5:9229/x",
            "ws://evil.example:9229/x",
            "ws://[fe80::1]:9229/x",
        ] {
            assert!(
                matches!(url_of(url), Err(Error::NotLoopback { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_no_websocket_address_is_refused() {
        for url in [
            "",
            "9229",
            "http://127.0.0.1:9229/x",
            "wss://127.0.0.1:9229/x",
            "ws://127.0.0.1/x",
        ] {
            assert!(matches!(url_of(url), Err(Error::Malformed { .. })), "{url}");
        }
    }

    /// Asks a server that reads the request, sends `answer` and closes.
    fn ask_server_that_says(answer: &'static str) -> Result<Endpoint, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while split(&request).is_none() {
                let mut piece = [0; 512];
                let count = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..count]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let endpoint = find(&InspectorAddress::Port(port));
        let request = server.join().unwrap();
        assert!(
            request.contains(&format!("Host: 127.0.0.1:{port}\r\n")),
            "{request}"
        );
        endpoint
    }

    #[test]
    fn the_node_target_of_a_port_is_found() {
        let endpoint = ask_server_that_says(
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\
             [{\"type\":\"other\"},{\"type\":\"node\",\"webSocketDebuggerUrl\":\"ws://127.0.0.1:9229/0f2c\"}]",
        );
        assert_eq!(endpoint.unwrap().url, "ws://127.0.0.1:9229/0f2c");
    }

    #[test]
    fn a_stranger_is_told_from_an_inspector() {
        for answer in [
            "",
            "220 mail.example ESMTP\r\n",
            "HTTP/1.1 404 Not Found\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\n\r\n[]",
        ] {
            let error = ask_server_that_says(answer).unwrap_err();
            assert!(
                matches!(error, Error::NoInspector { .. }),
                "{answer}: {error}"
            );
            assert!(error.to_string().contains("127.0.0.1:"), "{error}");
        }
    }

    #[test]
    fn a_port_where_nobody_listens_is_named() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let error = find(&InspectorAddress::Port(port)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("127.0.0.1:{port}")) && error.contains("--inspect"),
            "{error}"
        );
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        assert!(is_whole(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]"));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n[]"));
        assert!(!is_whole(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n"));
    }
}
