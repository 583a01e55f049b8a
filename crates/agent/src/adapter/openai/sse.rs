//! Server-sent events from bytes that may be cut anywhere: only their data, nothing of HTTP.

use tenure_contract::limits::STEP_RESULT_MAX_BYTES;

/// Collects bytes into events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// The line begun.
    line: Vec<u8>,
    /// The data lines of the event begun.
    data: Option<String>,
    /// The last byte ended a line as CR; an LF right after it belongs to that end.
    after_cr: bool,
    /// Whether the first line, which may begin with a byte order mark, is behind.
    begun: bool,
}

impl Parser {
    /// The data of every event these bytes complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
        if self.line.len() + self.data.as_ref().map_or(0, String::len) > STEP_RESULT_MAX_BYTES {
            return Err(format!("one event is larger than {STEP_RESULT_MAX_BYTES} bytes"));
        }
        Ok(events)
    }

    /// What a stream that stopped without an empty line has left, whole or not.
    pub(super) fn rest(&mut self) -> Option<String> {
        self.end_line().or_else(|| self.data.take())
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = if self.begun { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.begun = true;
        if line.is_empty() {
            return self.data.take();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\ndata: {\"a\":1}\n\nevent: x\r\ndata:two\r\ndata: ü\r\n\r\n\
                          id: 3\rdata\r\r\n\n: ping\n\ndata: [DONE]";

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = Parser::default();
        let mut events: Vec<String> =
            pieces.iter().flat_map(|piece| parser.push(piece).unwrap()).collect();
        events.extend(parser.rest());
        events
    }

    #[test]
    fn every_cut_of_a_stream_gives_the_same_events() {
        let bytes = STREAM.as_bytes();
        let expected = ["{\"a\":1}", "two\nü", "", "[DONE]"];
        assert_eq!(events(&[bytes]), expected);
        for first in 0..bytes.len() {
            for second in (first..bytes.len()).step_by(3) {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(events(&pieces), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; STEP_RESULT_MAX_BYTES / 2 + 1];
        assert!(parser.push(&piece).is_ok());
        assert!(parser.push(&piece).is_err());
    }
}
