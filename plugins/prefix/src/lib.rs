//! The passes `prefix` and `prompt`: learned keys and values in every layer, and learned tokens in
//! front of the input.
//!
//! softmax(Q·[P_K; K]ᵀ/√d + [0, mask])·[P_V; V]: the prefix is attended to by everyone and does not
//! attend. Li and Liang, "Prefix-Tuning: Optimizing Continuous Prompts for Generation", 2021;
//! Lester et al., "The Power of Scale for Parameter-Efficient Prompt Tuning", 2021; Liu et al.,
//! "GPT Understands, Too", 2021 (p-tuning).

mod alibi;
mod fresh;
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
        peft_types: ["PREFIX_TUNING", "adapterhub_prefix_tuning"],
        options: [
            {
                key: "form",
                kind: String,
                default: "\"inside\"",
                choices: ["inside", "past"],
                help: "in the graph, or the past that callers give at the first step",
            },
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
        peft_types: ["PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "adapterhub_prompt_tuning"],
        options: [
            {
                key: "outputs",
                kind: String,
                default: "\"keep\"",
                choices: ["keep", "cut"],
                help: "whether outputs have the rows of learned tokens, as PEFT's and AdapterHub's have",
            },
            { key: "task", kind: Int, default: "", choices: [], help: "task of a multitask prompt; 0" },
            { key: "length", kind: Int, default: "", choices: [], help: "learned tokens of a fresh prompt" },
            {
                key: "init",
                kind: String,
                default: "",
                choices: ["normal", "zero"],
                help: "how a fresh prompt is drawn; normal, as PyTorch's embeddings",
            },
            { key: "seed", kind: Int, default: "", choices: [], help: "seed of a fresh prompt; 0" },
        ],
        run: prompt::run,
    }],
    task_kinds: [
        { name: "rows", split_axes: [], run: tasks::rows::run },
        { name: "projected", split_axes: [], run: tasks::projected::run },
        { name: "turn", split_axes: [], run: peftc_plugin::saved::turn },
        { name: "init", split_axes: [], run: peftc_plugin::fresh::init },
        { name: "prompt", split_axes: [], run: tasks::prompt::run },
    ],
}
