//! "Ignore the previous instructions" as other languages say it.

/// A verb, a word for what came before, and a word for instructions; all three in one text. Lower-case.
struct Phrase {
    verbs: &'static [&'static str],
    before: &'static [&'static str],
    what: &'static [&'static str],
}

/// Spanish, Portuguese, Italian, French, German, Dutch, Polish, Turkish, Indonesian: ASCII where people type it so.
const LATIN: [Phrase; 9] = [
    Phrase {
        verbs: &["ignora ", "ignore ", "ignorar ", "olvida "],
        before: &["anteriores", "previas"],
        what: &["instrucciones"],
    },
    Phrase {
        verbs: &["ignore ", "ignora ", "desconsidere ", "esque"],
        before: &["anteriores"],
        what: &["instruções", "instrucoes"],
    },
    Phrase { verbs: &["ignora ", "ignorate ", "dimentica "], before: &["precedenti"], what: &["istruzioni"] },
    Phrase {
        verbs: &["ignore ", "ignorez ", "oublie "],
        before: &["précédentes", "precedentes"],
        what: &["instructions", "consignes"],
    },
    Phrase {
        verbs: &["ignoriere", "missachte", "vergiss"],
        before: &["vorherig", "bisherig", "vorangegangen", "obig"],
        what: &["anweisung", "instruktion", "befehle"],
    },
    Phrase { verbs: &["negeer", "vergeet"], before: &["vorige", "eerdere", "voorgaande"], what: &["instructies", "opdrachten"] },
    Phrase { verbs: &["zignoruj", "ignoruj"], before: &["poprzedni", "wcześniejsze"], what: &["instrukcj", "polece"] },
    Phrase { verbs: &["yok say", "görmezden gel", "dikkate alma"], before: &["önceki", "onceki"], what: &["talimat"] },
    Phrase { verbs: &["abaikan"], before: &["sebelumnya"], what: &["instruksi", "perintah"] },
];

/// Russian, Ukrainian, Chinese, Japanese, Korean, Arabic, Hindi.
const OTHERS: [Phrase; 7] = [
    Phrase {
        verbs: &["игнорируй", "проигнорируй", "забудь"],
        before: &["предыдущ", "прежн", "все"],
        what: &["инструкци", "указани"],
    },
    Phrase {
        verbs: &["ігноруй", "проігноруй"], before: &["попередн"], what: &["інструкці", "вказівк"]
    },
    Phrase {
        verbs: &["忽略", "无视", "無視", "忘记"],
        before: &["之前", "以上", "先前", "所有", "上述"],
        what: &["指令", "指示", "说明", "提示"],
    },
    Phrase {
        verbs: &["無視", "忘れ"],
        before: &["以前", "これまで", "上記", "前の", "すべて"],
        what: &["指示", "命令", "プロンプト"],
    },
    Phrase { verbs: &["무시"], before: &["이전", "앞의", "모든"], what: &["지시", "명령"] },
    Phrase {
        verbs: &["تجاهل", "انس"], before: &["السابقة", "جميع", "كل"], what: &["التعليمات", "الأوامر"]
    },
    Phrase {
        verbs: &["अनदेखा", "नज़रअंदाज़"], before: &["पिछले", "सभी"], what: &["निर्देश"]
    },
];

/// Whether `text`, in lower case, says it.
pub(super) fn overrides(text: &str) -> bool {
    let others = if text.is_ascii() { &OTHERS[..0] } else { &OTHERS };
    others.iter().chain(&LATIN).any(|phrase| phrase.is_in(text))
}

impl Phrase {
    fn is_in(&self, text: &str) -> bool {
        [self.what, self.before, self.verbs].iter().all(|words| words.iter().any(|word| text.contains(word)))
    }
}
