//! `Debug` texts as Rust source. They differ from it in collections, texts and times.

/// The source of a value with this `Debug` text. Nothing if no derive writes such a text.
pub(super) fn to_source(debug: &str) -> Option<String> {
    let mut text = Text { left: debug };
    let source = text.value()?;
    text.left.is_empty().then_some(source)
}

/// What is left of the text.
struct Text<'a> {
    left: &'a str,
}

impl<'a> Text<'a> {
    fn value(&mut self) -> Option<String> {
        match self.left.chars().next()? {
            '"' => Some(format!("{}.into()", self.quoted('"')?)),
            '\'' => self.quoted('\'').map(str::to_owned),
            '[' => Some(format!("[{}].into()", self.list("[", "]", Self::value)?)),
            '{' => Some(format!("[{}].into()", self.list("{", "}", Self::entry)?)),
            '(' => self.tuple(),
            first if first.is_alphabetic() || first == '_' => self.named(),
            _ => self.number(),
        }
    }

    /// A name by itself, or that of a struct or variant before its fields.
    fn named(&mut self) -> Option<String> {
        let name = self.take_while(is_of_name);
        if self.left.starts_with('(') {
            return Some(format!("{name}({})", self.list("(", ")", Self::value)?));
        }
        if !self.left.starts_with(" { ") {
            return Some(name.to_owned());
        }
        match self.system_time(name) {
            Some(time) => Some(time),
            None => Some(format!(
                "{name} {{ {} }}",
                self.list(" { ", " }", Self::field)?
            )),
        }
    }

    fn field(&mut self) -> Option<String> {
        let name = self.take_while(is_of_name);
        self.skip(": ")?;
        Some(format!("{name}: {}", self.value()?))
    }

    /// An entry of a map or a set.
    fn entry(&mut self) -> Option<String> {
        let key = self.value()?;
        match self.skip(": ") {
            Some(()) => Some(format!("({key}, {})", self.value()?)),
            None => Some(key),
        }
    }

    /// The items between brackets.
    fn list(
        &mut self,
        open: &str,
        close: &str,
        item: fn(&mut Self) -> Option<String>,
    ) -> Option<String> {
        self.skip(open)?;
        let mut items = Vec::new();
        while self.skip(close).is_none() {
            if !items.is_empty() {
                self.skip(", ")?;
            }
            items.push(item(self)?);
        }
        Some(items.join(", "))
    }

    fn tuple(&mut self) -> Option<String> {
        self.skip("(")?;
        let mut items = Vec::new();
        while self.skip(")").is_none() {
            items.push(self.value()?);
            // One item has a comma behind it.
            let is_one = items.len() == 1 && self.skip(",)").is_some();
            if is_one {
                return Some(format!("({},)", items[0]));
            }
            self.skip(", ");
        }
        Some(format!("({})", items.join(", ")))
    }

    /// A number, or a duration, which is one with a unit.
    fn number(&mut self) -> Option<String> {
        let sign = if self.skip("-").is_some() { "-" } else { "" };
        let number = self.take_while(|c| is_of_name(c) || matches!(c, '.' | '+' | '-' | 'µ'));
        if number.is_empty() {
            return None;
        }
        duration(number).or_else(|| Some(format!("{sign}{number}")))
    }

    /// The fields of a `SystemTime`, if it is one.
    fn system_time(&mut self, name: &str) -> Option<String> {
        let fields = self.left.strip_prefix(" { tv_sec: ")?;
        let (fields, left) = fields.split_once(" }").filter(|_| name == "SystemTime")?;
        let (seconds, nanos) = fields.split_once(", tv_nsec: ")?;
        let after = std::time::Duration::new(seconds.parse().ok()?, nanos.parse().ok()?);
        self.left = left;
        std::time::SystemTime::UNIX_EPOCH
            .checked_add(after)
            .map(super::time)
    }

    /// A text or a character, with its quotation marks.
    fn quoted(&mut self, mark: char) -> Option<&'a str> {
        let mut escaped = false;
        let end = self.left.char_indices().skip(1).find(|(_, c)| {
            let is_end = *c == mark && !escaped;
            escaped = *c == '\\' && !escaped;
            is_end
        });
        self.take(end?.0 + 1)
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, left) = self.left.split_at_checked(length)?;
        self.left = left;
        Some(taken)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.left.find(|c| !belongs(c));
        let (taken, left) = self.left.split_at(end.unwrap_or(self.left.len()));
        self.left = left;
        taken
    }

    fn skip(&mut self, text: &str) -> Option<()> {
        self.left = self.left.strip_prefix(text)?;
        Some(())
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `1.5s` and the like, as `Debug` writes a `Duration`.
fn duration(text: &str) -> Option<String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let decimals = match unit {
        "s" => 9,
        "ms" => 6,
        "µs" => 3,
        "ns" => 0,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let nanos: u128 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let nanos = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(super::duration(std::time::Duration::new(seconds, nanos)))
}
