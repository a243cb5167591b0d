//! The passes `prefix` and `prompt`: learned keys and values in every layer, and learned tokens in
//! front of the input.
//!
//! softmax(Q·[P_K; K]ᵀ/√d + [0, mask])·[P_V; V]: the prefix is attended to by everyone and does not
//! attend. Li and Liang, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", 2021;
//! Lester et al., "The Power of Scale for Parameter-Efficient Prompt Tuning", 2021; Liu et al.,
//! "GPT Understands, Too", 2021 (p-tuning).

mod alibi;
mod graph;
mod layout;
mod masks;
mod positions;
mod prefix;
mod prompt;
mod tasks;
mod window;

peftc_plugin::export_plugin! {
    passes: [{
        name: "prefix",
        summary: "learned keys and values in front of those of every attention",
        peft_types: ["PREFIX_TUNING"],
        options: [
            { key: "length", kind: Int, default: "", choices: [], help: "keys and values of a fresh prefix" },
            {
                key: "init",
                kind: String,
                default: "",
                choices: ["normal", "zero"],
                help: "how a fresh prefix is drawn; normal, as PyTorch's embeddings",
            },
            { key: "seed", kind: Int, default: "", choices: [], help: "seed of a fresh prefix; 0" },
        ],
        run: prefix::run,
    }, {
        name: "prompt",
        summary: "learned tokens in front of the input",
        peft_types: ["PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING"],
        options: [
            {
                key: "outputs",
                kind: String,
                default: "\"keep\"",
                choices: ["keep", "cut"],
                help: "whether outputs have the rows of learned tokens, as PEFT's have",
            },
            { key: "task", kind: Int, default: "", choices: [], help: "task of a multitask prompt; 0" },
        ],
        run: prompt::run,
    }],
    task_kinds: [
        { name: "rows", split_axes: [], run: tasks::rows::run },
        { name: "turn", split_axes: [], run: peftc_plugin::saved::turn },
        { name: "init", split_axes: [], run: peftc_plugin::fresh::init },
        { name: "prompt", split_axes: [], run: tasks::prompt::run },
    ],
}
