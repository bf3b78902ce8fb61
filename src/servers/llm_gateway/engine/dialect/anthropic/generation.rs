//! What the generations of Claude differ in, by their names as Anthropic, clouds (`claude-opus-4@20250514`) and routers
//! (`claude-sonnet-4.5`) write them. Other makers' models that speak this dialect are taken for the oldest.
//! <https://platform.claude.com/docs/en/build-with-claude/thinking>

/// From 4.6 on the model decides itself how much it thinks, and is told an effort; before, it is given a budget.
pub fn is_adaptive(model: &str) -> bool {
    let name = model.replace(['@', '.'], "-");
    let old = [
        "claude-2",
        "claude-3",
        "claude-instant",
        "-4-0",
        "-4-1",
        "-4-2025",
        "-4-5",
    ];
    name.contains("claude") && !name.ends_with("-4") && !old.iter().any(|old| name.contains(old))
}

/// From 4.7 on `temperature`, `top_p` and `top_k` are refused.
pub fn is_sampled(model: &str) -> bool {
    !is_adaptive(model) || model.replace('.', "-").contains("-4-6")
}

/// Up to 4.8 a model thinks only when it is asked to, and not each of them takes `disabled` for an answer.
pub fn thinks_when_asked(model: &str) -> bool {
    model.contains("claude-3") || (model.contains("claude") && model.contains("-4"))
}

/// These cannot be told not to think.
pub fn always_thinks(model: &str) -> bool {
    let name = model.replace('.', "-");
    let always = [
        "claude-fable",
        "claude-mythos",
        "claude-opus-5-5",
        "claude-sonnet-5-5",
    ];
    always.iter().any(|always| name.contains(always))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_told_by_their_names() {
        for (model, adaptive, sampled) in [
            ("claude-3-7-sonnet-latest", false, true),
            ("claude-sonnet-4", false, true),
            ("claude-opus-4@20250514", false, true),
            ("claude-haiku-4.5", false, true),
            ("glm-5", false, true),
            ("claude-sonnet-4-6", true, true),
            ("anthropic/claude-opus-4.6", true, true),
            ("claude-opus-4-7", true, false),
            ("claude-opus-5-5", true, false),
            ("claude-sonnet-5", true, false),
            ("claude-fable-5-1", true, false),
        ] {
            assert_eq!(
                (is_adaptive(model), is_sampled(model)),
                (adaptive, sampled),
                "{model}"
            );
        }
    }
}
