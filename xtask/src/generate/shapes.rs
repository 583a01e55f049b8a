//! The encoded structs and enums of the contract's sources with their doc comments and keys.
//!
//! Reads the one layout those files have: a doc comment, attributes, then the item; one field or
//! variant per line. What it cannot read it leaves out, and the caller notices the missing shape.

/// Collects doc comment lines until the item they belong to.
#[derive(Default)]
pub struct Docs {
    lines: Vec<String>,
    in_attribute: bool,
}

impl Docs {
    /// Takes in one trimmed line: a comment is kept, an attribute (over several lines, too) passed
    /// over, anything else ends it.
    pub fn read(&mut self, line: &str) {
        if self.in_attribute {
            self.in_attribute = !line.ends_with(")]");
        } else if let Some(text) = line.strip_prefix("///") {
            self.lines.push(text.trim().to_owned());
        } else if line.starts_with("#[") {
            self.in_attribute = !line.ends_with(']');
        } else {
            self.lines.clear();
        }
    }

    /// The comment as one line.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.lines).join(" ")
    }
}

/// One field of a struct or variant.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub key: u32,
    pub name: String,
    pub ty: String,
    pub about: String,
}

/// One variant of an enum.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    pub key: u32,
    pub name: String,
    pub about: String,
    pub fields: Vec<Field>,
}

/// One encoded type.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    pub about: String,
    pub fields: Vec<Field>,
    pub variants: Vec<Variant>,
}

/// Every shape with keys in a source text.
pub fn shapes(text: &str) -> Vec<Shape> {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line.trim());
    }
    let keyed = |shape: &Shape| !(shape.fields.is_empty() && shape.variants.is_empty());
    reader.done.into_iter().filter(keyed).collect()
}

#[derive(Default)]
struct Reader {
    docs: Docs,
    key: Option<u32>,
    done: Vec<Shape>,
    /// True between an item's opening brace and its closing one.
    inside: bool,
    /// True between a variant's braces.
    in_variant: bool,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(name) = declared(line) {
            let about = self.docs.take();
            self.done.push(Shape { name, about, fields: Vec::new(), variants: Vec::new() });
            self.inside = line.ends_with('{');
        } else if line.starts_with('}') {
            if self.in_variant {
                self.in_variant = false;
            } else {
                self.inside = false;
            }
        } else if let Some(key) = line.strip_prefix("#[n(").and_then(|rest| rest.split(')').next())
        {
            self.key = key.parse().ok();
        } else if self.inside && self.key.is_some() && !line.starts_with(['#', '/']) {
            self.member(line);
        } else {
            self.docs.read(line);
        }
    }

    fn member(&mut self, line: &str) {
        let (Some(key), Some(shape)) = (self.key.take(), self.done.last_mut()) else { return };
        let about = self.docs.take();
        let bare = line.strip_prefix("pub ").unwrap_or(line).trim_end_matches(',');
        match (bare.split_once(": "), self.in_variant) {
            (Some((name, ty)), false) => {
                shape.fields.push(Field { key, name: name.to_owned(), ty: ty.to_owned(), about });
            }
            (Some((name, ty)), true) => {
                let field = Field { key, name: name.to_owned(), ty: ty.to_owned(), about };
                shape
                    .variants
                    .iter_mut()
                    .next_back()
                    .map(|variant| variant.fields.push(field))
                    .unwrap_or_default();
            }
            (None, _) => {
                self.in_variant = bare.ends_with('{');
                let name = bare.trim_end_matches('{').trim().to_owned();
                shape.variants.push(Variant { key, name, about, fields: Vec::new() });
            }
        }
    }
}

fn declared(line: &str) -> Option<String> {
    let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_variants_are_read_with_their_keys() {
        let text = "/// A thing.\n#[derive(Encode)]\npub struct Thing {\n/// The run,\n/// always.\n#[n(0)]\npub run: RunId,\n}\n\
                    /// Either.\npub enum Either {\n/// One.\n#[n(0)]\nOne,\n/// Two.\n#[n(1)]\nTwo {\n/// Why.\n#[n(0)]\nwhy: Option<String>,\n},\n}\n\
                    pub struct Plain {\n/// No key.\npub x: u8,\n}\n";
        let found = shapes(text);
        assert_eq!(found.len(), 2, "{found:?}");
        let field = |name: &str, ty: &str, about: &str| Field {
            key: 0,
            name: name.into(),
            ty: ty.into(),
            about: about.into(),
        };
        assert_eq!(found[0].fields, [field("run", "RunId", "The run, always.")]);
        assert_eq!(found[1].variants[0].name, "One");
        assert_eq!(found[1].variants[1].fields, [field("why", "Option<String>", "Why.")]);
    }
}
