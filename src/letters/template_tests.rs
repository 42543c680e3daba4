//! Tests of [`super`]: templates, greetings, what is typed.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::letters::store::OfficialName;

fn target(holder: Option<(&str, &str, &str)>) -> Target {
    Target {
        office_id: Uuid::nil(),
        slug: "minister".to_owned(),
        title: "Minister of Immigration".to_owned(),
        titles: BTreeMap::from([("fr".to_owned(), "Ministre de l'Immigration".to_owned())]),
        holder: holder.map(|(prefix, given, family)| OfficialName {
            honorific_prefix: prefix.to_owned(),
            given_name: given.to_owned(),
            family_name: family.to_owned(),
        }),
    }
}

fn template(body: &str) -> TemplateText {
    TemplateText {
        locale: LocaleTag::En,
        subjects: vec!["One".to_owned(), "Two, {{ target.title }}".to_owned()],
        body: body.to_owned(),
    }
}

const BODY: &str = "Dear {{ target.salutation }},\n\nAs {{ target.title }} you can act.\n\nSincerely,\n";

#[test]
fn a_target_is_addressed_by_name_or_by_title() {
    let variables = |holder| TemplateVariables::of(&target(holder), LocaleTag::En);
    assert_eq!(variables(Some(("Minister", "Ana", "Roy"))).salutation, "Minister Roy");
    assert_eq!(variables(Some(("The Honourable", "Ana", "Roy"))).salutation, "Minister Roy");
    assert_eq!(variables(Some(("Dr.", "Ana", "Roy"))).salutation, "Dr. Roy");
    assert_eq!(variables(Some(("", "Ana", "Roy"))).salutation, "Ana Roy");
    assert_eq!(variables(None).salutation, "Minister of Immigration");
    assert_eq!(variables(None).name, "Minister of Immigration");
    assert_eq!(TemplateVariables::of(&target(None), LocaleTag::Fr).title, "Ministre de l'Immigration");
    assert_eq!(TemplateVariables::of(&target(None), LocaleTag::Pa).title, "Minister of Immigration");
}

#[test]
fn template_text_is_used_without_custom_text() {
    let minister = target(Some(("Minister", "Ana", "Roy")));
    let (subject, body) =
        compose(Some(&template(BODY)), ComposeInput { variant: 3, ..ComposeInput::default() }, &minister).unwrap();
    assert_eq!(subject, "Two, Minister of Immigration");
    assert_eq!(body, "Dear Minister Roy,\n\nAs Minister of Immigration you can act.\n\nSincerely,");
    let (subject, body) = compose(Some(&template(BODY)), ComposeInput::default(), &target(None)).unwrap();
    assert!(subject == "One" && body.starts_with("Dear Minister of Immigration,"));
}

#[test]
fn supporter_text_is_never_rendered_as_a_template() {
    let typed = "{{ target.salutation }} {% for x in y %} {{ 7 * 7 }} {# gone? #}";
    let input = ComposeInput { subject: "{{ target.name }}", message: typed, ..ComposeInput::default() };
    let minister = target(Some(("Minister", "Ana", "Roy")));
    let (subject, body) = compose(Some(&template(BODY)), input, &minister).unwrap();
    assert_eq!((subject.as_str(), body.as_str()), ("{{ target.name }}", typed));
    let (_, greeted) = compose(Some(&template(BODY)), ComposeInput { greeting: true, ..input }, &minister).unwrap();
    assert_eq!(greeted, format!("Dear Minister Roy,\n\n{typed}"));
    let official = target(Some(("{{ target.title }}", "{% if %}", "{{")));
    let (_, body) = compose(Some(&template(BODY)), ComposeInput::default(), &official).unwrap();
    assert!(body.starts_with("Dear {{ target.title }} {{,"), "{body}");
}

#[test]
fn template_errors_name_the_line() {
    assert_eq!(check(BODY), Ok(()));
    assert_eq!(check("Dear {% if target.name %}{{ target.name }}{% else %}you{% endif %},"), Ok(()));
    for (source, line) in [
        ("Dear\n{{ target.nmae }}", 2),
        ("a\nb\n{{ target.name", 3),
        ("{{ person.email }}", 1),
        ("{{ target.name|upper }}", 1),
        ("{{ range(10) }}", 1),
        ("a\n{% include 'mail/layout.txt' %}", 2),
        ("{% for a in 'abc' %}{{ a }}{% endfor %}", 1),
        ("{%- set x = 'a' %}", 1),
        ("\n{{ 'a' * 100000 }}", 2),
        ("{% if target.name %}", 1),
    ] {
        assert_eq!(check(source).map_err(|f| f.line), Err(line), "{source}");
    }
}

#[test]
fn expanding_templates_are_refused_before_rendering() {
    let reason = |source: &str| check(source).unwrap_err().reason;
    let product = r#""}}" * 20000000"#;
    for source in [
        format!("{{{{ {product} }}}}"),
        format!("{{{{ {} }}}}", [product; 400].join(" ~ ")),
        format!("{{% if {product} %}}x{{% endif %}}"),
        r#"{{ "a" * 30000 }}"#.to_owned(),
        "{{ target.name * 30000 }}".to_owned(),
        r#"{{ ("a" ~ "b") * 30000 }}"#.to_owned(),
        "{{ 9 ** 9 ** 9 }}".to_owned(),
    ] {
        let reason = reason(&source);
        assert!(reason.contains("multiplied") || reason.contains("words and signs"), "{reason}");
    }
    assert!(reason(&format!("{{{{ \"{}\" }}}}", "a".repeat(201))).contains("within quotes"));
    assert!(reason(&format!("{{{{ '{}' }}}}", "\\n".repeat(201))).contains("within quotes"));
    for calculated in ["1 + 1", "'a' + 'b'", "-1", "7 // 2", "7 % 2", "target.name < 'b'"] {
        assert!(reason(&format!("{{{{ {calculated} }}}}")).contains("calculated"), "{calculated}");
    }
    for odd in ["[1]", "{'a': 1}", "target.name[0]", "target.name[:2]", "1", "(1, 2)", "target['name']"] {
        assert!(reason(&format!("{{{{ {odd} }}}}")).contains("placeholders and texts"), "{odd}");
    }
    for unknown in ["target", "name", "self", "loop.index", "target.name.real", "target.__class__", "target.nmae"] {
        assert!(reason(&format!("{{{{ {unknown} }}}}")).contains("no such placeholder"), "{unknown}");
    }
    assert!(reason("{{ target.name is defined }}").contains("no filters"));
    assert!(reason("{% do target.name() %}").contains("only `if`"));
}

#[test]
fn deep_nesting_is_refused_before_parsing() {
    // each of these went as deep as it is long, and ended the process
    for source in [
        format!("{{{{ {}target.name }}}}", "not ".repeat(4_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(19_000)),
        format!("{{{{ target{} }}}}", ".name".repeat(3_000)),
        format!("{{{{ {}target.name }}}}", "target.name ~ ".repeat(1_400)),
        format!("{{{{ target.name{} }}}}", "|e".repeat(9_000)),
        format!("{{{{ {}'a' }}}}", "'a' if 'b' else ".repeat(1_200)),
        format!("{{{{ {}target.name{} }}}}", "(".repeat(9_000), ")".repeat(9_000)),
        format!("{}x{}", "{% if target.name %}".repeat(600), "{% endif %}".repeat(600)),
        format!("{{% if target.name %}}{}x{{% endif %}}", "{% elif target.name %}".repeat(800)),
        "{% if target.name %}".repeat(900),
    ] {
        let reason = check(&source).unwrap_err().reason;
        assert!(reason.contains("more than"), "{reason}");
    }
}

#[test]
fn allowed_template_syntax() {
    let rendered = |source: &str| render(source, &TemplateVariables::sample()).unwrap();
    assert_eq!(rendered("{{ 'To ' ~ target.name }} {{- ',' }}{# a note #}"), "To Ana Roy,");
    assert_eq!(
        rendered(
            "{% if target.title == 'Premier' or not target.name %}a{% elif target.office != 'x' %}b{% else %}c{% endif %}"
        ),
        "b"
    );
    assert_eq!(rendered("{{ target.name if 'Min' in target.title else 'you' }}"), "Ana Roy");
    assert_eq!(rendered("a } b {x} 5 * 5 % {\n"), "a } b {x} 5 * 5 % {");
}

#[test]
fn fuel_and_length_are_limited() {
    // 45 instructions for each pair of braces
    let terms = ["target.name in''"; 9].join("or ");
    let long = format!("{{{{{terms}}}}}").repeat(MAX_BODY / (terms.len() + 4));
    assert!(long.len() <= MAX_BODY);
    assert!(check(&long).unwrap_err().reason.contains("fuel"), "{}", check(&long).unwrap_err());
    assert!(check(&"a".repeat(MAX_BODY + 1)).unwrap_err().reason.contains("longer"));
}

#[test]
fn a_line_longer_than_the_lexer_counts_is_refused_before_it() {
    // found by the fuzz target: its column overflowed
    let source = format!("{}{{{{ ? }}}}", "a".repeat(usize::from(u16::MAX)));
    assert!(check(&source).unwrap_err().reason.contains("longer"));
}

#[test]
fn the_greeting_stands_apart_from_the_text() {
    assert_eq!(
        split(BODY),
        Some(("Dear {{ target.salutation }},", "As {{ target.title }} you can act.\n\nSincerely,\n"))
    );
    assert_eq!(split("To whom it may concern,\n\n{{ target.title }}"), None);
    assert_eq!(split("Dear {{ target.name }}"), None);
    assert_eq!(split("{% if target.name %}Dear {{ target.name }}\n{% endif %}x"), None);
}

#[test]
fn several_targets_share_one_text() {
    let all = TemplateVariables::of_all(&[target(None), target(Some(("", "Ana", "Roy")))], LocaleTag::En);
    assert_eq!(all.salutation, "Minister of Immigration / Ana Roy");
}
