//! `tenure policy`: a text shown, checked, tried and set.

use super::desk::{Desk, text};

const WRITES: &str = "[[turn]]\n[[turn.call]]\ntool = \"write_file\"\nas = \"wrote\"\n\
                      arguments = { path = \"a.txt\", content = \"x\" }\n[[turn]]\ntext = \"done\"\n";

#[test]
fn pol_1_a_policy_is_checked_tried_set_and_obeyed() {
    let desk = Desk::new();
    desk.agent("approvers = [\"user:*\"]", WRITES);
    let shown = desk.run(&["policy", "show"]).is(0, &["version default"]);
    let stricter = format!(
        "{}\n@id(\"no-files\")\nforbid(principal, action == Action::\"call\", resource == Tool::\"write_file\");\n",
        shown.out
    );
    desk.write("strict.cedar", &stricter);
    desk.write("broken.cedar", "permit(principal, action, resource);\npermit(");
    let (strict, broken) = (desk.path("strict.cedar"), desk.path("broken.cedar"));
    let (strict, broken) = (strict.to_str().unwrap(), broken.to_str().unwrap());
    desk.run(&["policy", "check", broken]).is(2, &["line 2"]);
    desk.run(&["policy", "set", broken]).is(2, &["line 2"]);
    desk.run(&["policy", "check", strict]).is(0, &[]);
    let question =
        ["policy", "try", "call", "--as", "agent:clerk", "--on", "Tool:write_file", "--json"];
    assert_eq!(text(&desk.run(&question).is(0, &[]).json(), "effect"), "permit");
    let of_file = [&question[..], &["--file", strict]].concat();
    assert_eq!(text(&desk.run(&of_file).is(0, &[]).json(), "effect"), "deny");
    let set = desk.run(&["policy", "set", strict, "--json"]).is(0, &[]).json();
    assert_eq!(text(&desk.run(&question).is(0, &[]).json(), "effect"), "deny");
    assert!(desk.run(&["policy", "ls"]).is(0, &[]).out.contains(&text(&set, "version")));
    assert_eq!(
        desk.run(&["policy", "show", &text(&set, "version")]).is(0, &[]).out.trim_end(),
        stricter.trim_end()
    );
    let run = desk.work().is(0, &[]).json();
    assert_eq!(text(&run["output"], "content"), "done", "a refused call ends nothing");
    assert!(run["output"].to_string().contains("policy denies"), "{run:#}");
}
