//! Messages of GNU ld and GCC in other languages, known by a few phrases of their translations (ld/po, gcc/po). What they say is
//! not guessed.

/// A phrase that no other tool prints, and the language it is in.
const PHRASES: [(&str, &str); 54] = [
    ("de", "nicht definierter Verweis auf"),
    ("de", "undefinierter Verweis auf"),
    ("de", "Mehrfachdefinition von"),
    ("de", "mehrfache Definition von"),
    ("de", ": In Funktion »"),
    ("de", ": in Funktion »"),
    ("de", "als Ende-Status zurück"),
    ("fr", "référence indéfinie vers"),
    ("fr", "définitions multiples de"),
    ("fr", "dans la fonction «"),
    ("fr", "ne peut pas trouver -l"),
    ("fr", "ld a retourné"),
    ("ja", "に対する定義されていない参照です"),
    ("ja", "が複数回定義されています"),
    ("ja", "の複数の定義です"),
    ("ja", "が見つかりません"),
    ("ja", "関数 "),
    ("ja", "ld はステータス"),
    ("es", "' sin definir"),
    ("es", "referencia a `"),
    ("es", "definiciones múltiples de"),
    ("es", "en la función `"),
    ("es", "no se puede encontrar -l"),
    ("es", "ld devolvió el estado"),
    ("it", "riferimento non definito a"),
    ("it", "definizioni multiple di"),
    ("it", "nella funzione \""),
    ("it", "impossibile trovare -l"),
    ("ru", "неопределённая ссылка на"),
    ("ru", "неопределенная ссылка на"),
    ("ru", "повторное определение «"),
    ("ru", "в функции «"),
    ("ru", "невозможно найти -l"),
    ("ru", "ld завершилось с кодом"),
    ("zh_CN", "未定义的引用"),
    ("zh_CN", "多重定义"),
    ("zh_CN", "在函数"),
    ("zh_CN", "找不到 -l"),
    ("zh_CN", "ld 返回"),
    ("zh_TW", "未定義參考到"),
    ("zh_TW", "未定義的參考"),
    ("zh_TW", "多重定義"),
    ("pt_BR", "referência não definida para"),
    ("pt_BR", "múltiplas definições de"),
    ("pt_BR", "na função \""),
    ("sv", "odefinierad referens till"),
    ("sv", "i funktionen \""),
    ("uk", "невизначене посилання «"),
    ("uk", "у функції «"),
    ("bg", "неопределена отпратка към"),
    ("sr", "недефинисана упута ка"),
    ("tr", "tanımsız başvuru"),
    ("ko", "정의되지 않은 참조"),
    ("pl", "niezdefiniowane odwołanie do"),
];

/// All phrases.
pub(super) fn phrases() -> impl Iterator<Item = &'static str> {
    PHRASES.iter().map(|(_, phrase)| *phrase)
}

/// The language of a linker's message that is not in English.
///
/// Short phrases are taken only where there are two, or a linker's name or an object stands before them.
pub(super) fn of(text: &str) -> Option<&'static str> {
    // A few phrases are of letters that English has too; all others have one of their own, in the phrase or near it.
    const PLAIN: [&str; 4] = [" sin definir", "riferimento", "funktionen ", " -l"];
    if text.is_ascii() && !PLAIN.iter().any(|part| text.contains(part)) {
        return None;
    }
    const LINKERS: [&str; 8] = ["/ld: ", "/ld : ", "ld: ", ".o:", ".o :", "collect2", ".a(", ":(."];
    let linker = || LINKERS.iter().any(|part| text.contains(part));
    let mut found = PHRASES.iter().filter(|(_, phrase)| text.contains(phrase));
    let (language, phrase) = found.next()?;
    let second = found.any(|(other, _)| other == language);
    (phrase.len() >= 18 || second || linker()).then_some(*language)
}

/// A language that is not told: the linker's own words, behind the last place, have letters that English has not.
pub(super) fn unknown(message: &str) -> Option<&'static str> {
    let words = message.rsplit(": ").next().unwrap_or(message);
    words.chars().any(|char| !char.is_ascii() && char.is_alphabetic()).then_some("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_and_english_is_none() {
        assert_eq!(of("/usr/bin/ld : plugin.o : dans la fonction « plugin_init » :"), Some("fr"));
        assert_eq!(of("main.c:(.text+0xa): nicht definierter Verweis auf »f«"), Some("de"));
        assert_eq!(of("main.c:(.text+0xa): `f' に対する定義されていない参照です"), Some("ja"));
        assert_eq!(of("/src/plugin.c:4: referencia a `store_open' sin definir"), Some("es"));
        assert_eq!(of("/usr/bin/ld: main.o: в функции «main»:"), Some("ru"));
        assert_eq!(of("main.c:4: undefined reference to `f'"), None);
        assert_eq!(of("関数 を呼ぶ"), None);
    }
}
