//! What a team asks of one model about another.

use crate::tool::prelude::*;

pub(super) const PROMPTS: &[Prompt] = &[Prompt {
    name: "second_opinion",
    title: "Get a second opinion",
    about: "Put a question to another model and weigh its answer.",
    arguments: &[
        PromptArgument {
            name: "question",
            about: "The question, with all that is needed to answer it.",
            required: true,
        },
        PromptArgument {
            name: "model",
            about: "The model to ask, as list_models names it; choose one of the attached list when left out.",
            required: false,
        },
    ],
    text: "First answer this question yourself, briefly: {question}\n\
           Then put it to another model with the chat tool. The model to ask: {model} (if none is named, choose a fitting one of the \
           attached list). Compare both answers: where they agree, where they differ and who is right, and what to do.",
    embeds: &["llm/models"],
}];
