//! Passes that do what passes must not do, for the tests of the host.

use peftc_plugin::{
    DataType, Error, NodeSpec, Result, Run, SourceSpec, TaskCall, TaskSpec, TensorType, Value,
};

peftc_plugin::export_plugin! {
    passes: [
        { name: "panic", summary: "panics", peft_types: [], options: [], run: panic },
        { name: "fail", summary: "records an edit and fails", peft_types: [], options: [], run: fail },
        { name: "silent", summary: "fails as the host said", peft_types: [], options: [], run: silent },
        { name: "swallow", summary: "ignores a failure of the host", peft_types: [], options: [], run: swallow },
        {
            name: "bad-edits",
            summary: "records edits that do not fit together",
            peft_types: [],
            options: [{ key: "what", kind: String, default: "", choices: ["twice", "used", "cycle"], help: "which" }],
            run: bad_edits,
        },
        {
            name: "archive",
            summary: "asks for archives",
            peft_types: [],
            options: [{ key: "name", kind: String, default: "", choices: [], help: "its name, twice or computed" }],
            run: archive,
        },
        { name: "task-panic", summary: "a weight task that panics", peft_types: [], options: [], run: task_panic },
        { name: "task-fail", summary: "a weight task that fails", peft_types: [], options: [], run: task_fail },
        {
            name: "options",
            summary: "notes its options",
            peft_types: [],
            options: [
                { key: "bool", kind: Bool, default: "true", choices: [], help: "a boolean" },
                { key: "int", kind: Int, default: "", choices: [], help: "an integer" },
                { key: "float", kind: Float, default: "0.5", choices: [], help: "a number" },
                { key: "string", kind: String, default: "\"a\"", choices: ["a", "b"], help: "a string" },
                { key: "list", kind: List, default: "[\"x\"]", choices: [], help: "a list" },
            ],
            run: options,
        },
    ],
    task_kinds: [
        { name: "panic", split_axes: [0], run: panicking_task },
        { name: "fail", split_axes: [0], run: failing_task },
    ],
}

/// The first operator's first input, and its output.
fn ends(run: &Run<'_>) -> Result<(Value, Value)> {
    let missing = || Error::invalid("the graph has no operator with an input and an output");
    let node = run.nodes()?.into_iter().next().ok_or_else(missing)?;
    let (input, output) = (run.node_input(node, 0)?, run.node_output(node, 0)?);
    Ok((input.ok_or_else(missing)?, output.ok_or_else(missing)?))
}

fn neg(run: &Run<'_>, of: Value) -> Result<Value> {
    let spec = NodeSpec {
        op_type: "Neg",
        inputs: vec![Some(of)],
        outputs: vec!["neg".into()],
        ..Default::default()
    };
    run.add_node(spec)?.first().copied().ok_or_else(|| Error::invalid("no value"))
}

fn valid_edit(run: &Run<'_>) -> Result<()> {
    let (_, output) = ends(run)?;
    run.replace_uses(output, neg(run, output)?)
}

fn archive(run: &Run<'_>) -> Result<()> {
    let name = run.option_str("name")?.unwrap_or_default();
    let tensor = run.add_tensor("numbers", &TensorType::new(DataType::U8, [2]), &[3, 4])?;
    match name {
        "twice" => run.add_archive("a", &[]).and_then(|()| run.add_archive("a", &[])),
        "computed" => run.add_archive("a", &[("x", ends(run)?.1)]),
        "default" => run.set_default(ends(run)?.1, tensor),
        name => run.add_archive(name, &[("x", tensor)]),
    }
}

fn panic(run: &Run<'_>) -> Result<()> {
    valid_edit(run)?;
    panic!("on purpose")
}

fn fail(run: &Run<'_>) -> Result<()> {
    valid_edit(run)?;
    Err(Error::invalid("this pass never works"))
}

fn silent(run: &Run<'_>) -> Result<()> {
    run.sites_of_module("no.such.module").map(|_| ())
}

fn swallow(run: &Run<'_>) -> Result<()> {
    run.note(match run.sites_of_module("no.such.module") {
        Ok(_) => "found",
        Err(_) => "not found, which is fine",
    });
    Ok(())
}

fn bad_edits(run: &Run<'_>) -> Result<()> {
    let (input, output) = ends(run)?;
    match run.option_str("what")? {
        Some("twice") => {
            run.replace_uses(output, neg(run, output)?)?;
            run.replace_uses(output, neg(run, output)?)
        }
        Some("used") => run.nodes()?.into_iter().try_for_each(|node| run.remove_node(node)),
        _ => run.replace_uses(input, neg(run, output)?),
    }
}

fn record_task(run: &Run<'_>, kind: &str) -> Result<()> {
    let sites = run.sites_of_targets(&["re:.*"])?;
    let site = run.site(*sites.first().ok_or_else(|| Error::invalid("no site"))?)?;
    let weight = run.parameter_info(site.weight)?;
    let by = run.add_task(TaskSpec {
        kind,
        label: "q",
        sources: vec![SourceSpec::Value { value: weight.value, follows: vec![Some(0)] }],
        results: vec![(weight.stored.clone(), "new".into())],
        params: Vec::new(),
        ..Default::default()
    })?;
    by.into_iter().try_for_each(|by| run.replace_parameter(site.weight, by))
}

fn task_panic(run: &Run<'_>) -> Result<()> {
    record_task(run, "panic")
}

fn task_fail(run: &Run<'_>) -> Result<()> {
    record_task(run, "fail")
}

fn panicking_task(_: &mut TaskCall<'_>) -> Result<()> {
    panic!("a task, on purpose")
}

fn failing_task(_: &mut TaskCall<'_>) -> Result<()> {
    Err(Error::invalid("this task never works"))
}

fn options(run: &Run<'_>) -> Result<()> {
    run.note(&format!("bool {:?}", run.option_bool("bool")?));
    run.note(&format!("int {:?}", run.option_i64("int")?));
    run.note(&format!("float {:?}", run.option_f64("float")?));
    run.note(&format!("string {:?}", run.option_str("string")?));
    run.note(&format!("list {:?}", run.option_list("list")?));
    Ok(())
}
