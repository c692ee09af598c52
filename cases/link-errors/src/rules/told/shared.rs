//! What shared objects lack, from messages alone.

use casebook_core::{At, EvidenceSet, Finding, Place, Rule};

use super::guess::{Guess, groups};
use super::undefined::{are_undefined, them};
use super::{MISSING, begin, distinct, end_of};
use crate::facts::Facts;
use crate::facts::log::{Kind, Message, Role};
use crate::model::known::library_of;
use crate::rules::common::{base_name, list};

/// LNK110: a shared object uses what nobody defines; where the linker said which library it did not find, that is why.
pub(in crate::rules) fn lacks(rule: &'static Rule, facts: &Facts, evidence: &EvidenceSet) -> Vec<Finding> {
    let mut out = Vec::new();
    for group in groups(facts) {
        let (Guess::InShared { library }, Some(first)) = (group.guess, group.messages.first()) else { continue };
        let (undefined, one) = are_undefined(&group);
        let lost: Vec<(&Message, String)> = facts
            .told
            .iter()
            .filter(|message| message.kind == Kind::NeededMissing && message.span.evidence == first.span.evidence)
            .filter(|message| file(message, Role::Reference).is_some_and(|by| base_name(by) == base_name(library)))
            .filter_map(|message| Some((message, file(message, Role::Subject)?.to_owned())))
            .collect();
        let names: Vec<String> = lost.iter().map(|(_, name)| name.clone()).collect();
        let title = match names.as_slice() {
            [] => format!("{undefined}: {library} uses {}, and no library that was found has {}", them(one), them(one)),
            names => {
                format!("{undefined}: {library} uses {}, and of what it needs {} was not found", them(one), list(names))
            }
        };
        let mut builder = begin(rule, title, first, "used by the library");
        for (message, _) in lost.iter().take(2) {
            builder = builder.place(Place::context(At::Text(message.span), "what was not found"));
        }
        builder = builder.because(
            "It is not this program's code: all libraries of a program have to find their symbols when it starts, and the linker looks whether they will.",
        );
        builder = if lost.is_empty() {
            let known = distinct(&group.messages).iter().find_map(|name| library_of(name));
            let usual = known.map_or_else(String::new, |known| {
                format!(" It is usually in {}: `{}` behind {library} names it.", known.what, known.flag)
            });
            builder
                .because(format!(
                    "{library} was linked without the library that has {}, or that library is another release now.{usual}",
                    them(one)
                ))
                .missing(MISSING)
        } else {
            builder.because(
                "Libraries that libraries need are looked for by -rpath-link, -rpath, the run path of the library that needs them, and the folders of the system; -L does not count. Install it, or name its folder with -Wl,-rpath-link,FOLDER.",
            )
        };
        out.push(end_of(builder, first, &distinct(&group.messages), evidence));
    }
    out
}

fn file(message: &Message, role: Role) -> Option<&str> {
    message.places.iter().find(|place| place.role == role)?.file.as_ref().map(|file| file.value.as_str())
}
