//! A reader for our own templates' HTML, strict enough to lint it: text is escaped, so every `<` begins a tag.

use std::collections::HashSet;

/// One start tag (or end tag, whose name begins with `/`) with its attributes as written.
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    /// An attribute's raw value; `Some("")` for one without.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// All tags of a page, in order.
pub(crate) fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    text.split('<').skip(1).filter(|part| !part.starts_with('!')).map(|part| {
        // A `>` inside a value would be escaped; a quote is always a double one.
        let inside = part.split_once('>').expect("every tag ends").0;
        let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start().trim_start_matches('/');
            if rest.is_empty() {
                break;
            }
            let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
            let (attribute, after) = rest.split_at(end);
            if let Some(quoted) = after.strip_prefix('=') {
                let quoted = quoted
                    .strip_prefix('"')
                    .unwrap_or_else(|| panic!("{attribute} in <{inside}> is not quoted"));
                let (value, after) = quoted.split_once('"').expect("the quote ends");
                attributes.push((attribute, value));
                rest = after;
            } else {
                attributes.push((attribute, ""));
                rest = after;
            }
        }
        Tag { name, attributes }
    })
}

/// Holds a page to the rules; `base` is the prefix it was rendered for.
pub(crate) fn check(page: &str, text: &str, base: &str) {
    assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}: no doctype and language");
    assert_eq!(text.matches("<h1").count(), 1, "{page}: one h1");
    assert_eq!(text.matches("<title>").count(), 1, "{page}: one title");
    let ids: Vec<_> = tags(text).filter_map(|tag| tag.get("id")).collect();
    let unique: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{page}: an id twice in {ids:?}");
    let labelled: HashSet<_> =
        tags(text).filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    assert!(labelled.is_subset(&unique), "{page}: a label for nothing");

    let mut open = Vec::new();
    for tag in tags(text) {
        check_attributes(page, &tag, base, &unique);
        match tag.name {
            "style" | "base" | "iframe" | "object" | "embed" => panic!("{page}: <{}>", tag.name),
            "meta" => assert!(tag.get("http-equiv").is_none(), "{page}: meta http-equiv"),
            "script" => assert_eq!(tag.get("type"), Some("module"), "{page}: script"),
            "img" => assert!(tag.get("alt").is_some(), "{page}: an image without alt"),
            "form" => assert_eq!(tag.get("method"), Some("post"), "{page}: a form that is not a POST"),
            "input" | "select" | "textarea" if tag.get("type") != Some("hidden") => {
                let named = open.contains(&"label")
                    || tag.get("aria-label").is_some()
                    || tag.get("id").is_some_and(|id| labelled.contains(id));
                assert!(named, "{page}: {:?} has no label", tag.get("name"));
            }
            _ => {}
        }
        match tag.name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{page}: tags are nested wrongly"),
            None if matches!(
                tag.name,
                "meta" | "link" | "input" | "img" | "br" | "wbr" | "hr" | "path" | "circle"
            ) => {}
            None => open.push(tag.name),
        }
    }
    assert!(open.is_empty(), "{page}: left open: {open:?}");
}

fn check_attributes(page: &str, tag: &Tag<'_>, base: &str, ids: &HashSet<&str>) {
    for (name, value) in &tag.attributes {
        assert!(!name.starts_with("on"), "{page}: handler {name}");
        assert_ne!(*name, "style", "{page}: inline style");
        match *name {
            "aria-describedby" | "aria-labelledby" | "aria-controls" => {
                for id in value.split_whitespace() {
                    assert!(ids.contains(id), "{page}: {name} names {id}, which is not there");
                }
            }
            "href" if value.starts_with('#') => {
                assert!(ids.contains(&value[1..]), "{page}: {value} leads nowhere");
            }
            "href" | "src" | "action" => {
                let local = value
                    .strip_prefix(base)
                    .is_some_and(|rest| rest.starts_with('/') || rest.is_empty() && !base.is_empty());
                assert!(local && !value.starts_with("//"), "{page}: {name}={value} is not ours");
                if tag.name == "link" || *name == "src" {
                    assert!(
                        value.contains("/assets/") && value.contains("?v="),
                        "{page}: {value} is no asset"
                    );
                }
            }
            _ => {}
        }
    }
}
