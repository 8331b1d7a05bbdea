//! Strings, in hexadecimal and literal (ISO 32000-2:2020 §7.3.4).

use super::{Lexer, is_white};
use crate::pdf::PdfError;
use crate::pdf::object::PdfString;

impl Lexer<'_> {
    pub(super) fn hexadecimal_string(&mut self) -> Result<PdfString, PdfError> {
        const WHAT: &str = "malformed hexadecimal string";
        let start = self.at();
        self.at += 1;
        let length = self.rest().iter().position(|byte| *byte == b'>');
        self.saw_end |= length.is_none();
        let end = self.at + length.ok_or_else(|| self.wrong(WHAT))?;
        let digits = self.bytes.get(self.at..end).unwrap_or_default();
        let mut bytes = Vec::with_capacity(digits.len() / 2);
        let mut digits = digits.iter().filter(|byte| !is_white(**byte));
        while let Some(high) = digits.next() {
            // An odd last digit counts as if a zero followed.
            let pair = [*high, *digits.next().unwrap_or(&b'0')];
            bytes.push(hexadecimal_pair(&pair).ok_or_else(|| self.wrong(WHAT))?);
        }
        self.at = end + 1;
        Ok(PdfString {
            bytes,
            place: start..self.at(),
            is_hexadecimal: true,
        })
    }

    pub(super) fn literal_string(&mut self) -> Result<PdfString, PdfError> {
        let start = self.at();
        self.at += 1;
        let (mut bytes, mut open) = (Vec::new(), 1_usize);
        loop {
            let byte = self
                .peek()
                .ok_or_else(|| self.wrong("a string has no end"))?;
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' if open == 1 => break,
                b')' => open -= 1,
                b'\\' => {
                    bytes.extend(self.escaped());
                    continue;
                }
                // Any end of line is a line feed (§7.3.4.2).
                b'\r' => {
                    if self.peek() == Some(b'\n') {
                        self.at += 1;
                    }
                    bytes.push(b'\n');
                    continue;
                }
                _ => {}
            }
            bytes.push(byte);
        }
        Ok(PdfString {
            bytes,
            place: start..self.at(),
            is_hexadecimal: false,
        })
    }

    /// What stands for the characters after a backslash.
    fn escaped(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
                return None;
            }
            b'\n' => return None,
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                // High-order overflow is ignored (§7.3.4.2).
                (value & 0xff) as u8
            }
            other => other,
        })
    }
}

/// The byte of two hexadecimal digits.
pub(super) fn hexadecimal_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    }
}
