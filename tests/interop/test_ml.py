"""Classifiers and regressors of ai.onnx.ml, on random models, against ONNX Runtime."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from support import peftc

FEATURES, ROWS = 4, 12
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")


def labels(classes, strings, integers="classlabels_ints"):
    if strings:
        return {"classlabels_strings": [f"class {n}" for n in range(classes)]}
    return {integers: [3 * n + 5 for n in range(classes)]}


def linear_classifier(random, classes, targets, strings, transform):
    return "LinearClassifier", {
        "coefficients": random.standard_normal(targets * FEATURES).tolist(),
        "intercepts": random.standard_normal(targets).tolist(),
        "post_transform": transform,
        **labels(classes, strings),
    }


def linear_regressor(random, targets, transform):
    return "LinearRegressor", {
        "coefficients": random.standard_normal(targets * FEATURES).tolist(),
        "intercepts": random.standard_normal(targets).tolist(),
        "post_transform": transform,
        "targets": targets,
    }


def svm_regressor(random, kernel, supports, one_class):
    vectors = {"support_vectors": random.standard_normal(supports * FEATURES).tolist()} if supports else {}
    return "SVMRegressor", {
        "coefficients": random.standard_normal(supports or FEATURES).tolist(),
        "kernel_type": kernel,
        "kernel_params": [0.3, 0.5, 3.0],
        "n_supports": supports,
        "one_class": one_class,
        "rho": [0.1],
        **vectors,
    }


def svm_classifier(random, kernel, classes, probabilities, strings, transform):
    sizes = random.integers(1, 4, classes)
    pairs = classes * (classes - 1) // 2
    both = {"prob_a": (-np.abs(random.standard_normal(pairs))).tolist(), "prob_b": random.standard_normal(pairs).tolist()}
    return "SVMClassifier", {
        "coefficients": random.standard_normal((classes - 1) * sizes.sum()).tolist(),
        "support_vectors": random.standard_normal(sizes.sum() * FEATURES).tolist(),
        "vectors_per_class": sizes.tolist(),
        "rho": random.standard_normal(pairs).tolist(),
        "kernel_type": kernel,
        "kernel_params": [0.3, 0.5, 3.0],
        "post_transform": transform,
        **labels(classes, strings),
        **(both if probabilities else {}),
    }


def trees(random, kind, ids, positive, count=3, depth=3):
    """Full trees; weights of each leaf for all of `ids`."""
    nodes = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    weights = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, node in itertools.product(range(count), range(2 ** (depth + 1) - 1)):
        leaf = node >= 2**depth - 1
        modes = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")
        row = (
            tree, node, int(random.integers(FEATURES)), float(random.standard_normal()), "LEAF" if leaf else modes[random.integers(4)],
            0 if leaf else 2 * node + 1, 0 if leaf else 2 * node + 2, int(random.integers(2)),
        )
        for values, value in zip(nodes.values(), row):
            values.append(value)
        for target in ids if leaf else ():
            weight = random.standard_normal() / 2
            for values, value in zip(weights.values(), (tree, node, target, abs(weight) / 3 if positive else weight)):
                values.append(value)
    return {f"nodes_{k}": v for k, v in nodes.items()} | {f"{kind}_{k}": v for k, v in weights.items()}


def tree_regressor(random, function, targets, base):
    bases = {"base_values": random.standard_normal(targets).tolist()} if base else {}
    return "TreeEnsembleRegressor", {
        **trees(random, "target", range(targets), False), "n_targets": targets, "aggregate_function": function, **bases,
    }


def tree_classifier(random, classes, ids, positive, base, strings, transform):
    bases = {"base_values": random.standard_normal(base).tolist()} if base else {}
    return "TreeEnsembleClassifier", {
        **trees(random, "class", ids, positive), "post_transform": transform, **labels(classes, strings, "classlabels_int64s"), **bases,
    }


CASES = [
    *((linear_classifier, *case) for case in itertools.product((3,), (3,), (False, True), TRANSFORMS[:4])),
    *((linear_classifier, 2, targets, strings, "NONE") for targets in (1, 2) for strings in (False, True)),
    (linear_classifier, 2, 1, False, "LOGISTIC"),
    *((linear_regressor, targets, "NONE") for targets in (1, 3)),
    *((linear_regressor, 3, transform) for transform in TRANSFORMS[1:]),
    *((svm_regressor, kernel, supports, one) for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID") for supports in (5, 0) for one in (0, 1)),
    *((svm_classifier, kernel, classes, p, False, "NONE") for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID") for classes in (2, 3, 4) for p in (False, True)),
    *((svm_classifier, "RBF", 3, p, True, transform) for p in (False, True) for transform in TRANSFORMS[:4]),
    (svm_classifier, "RBF", 2, False, True, "LOGISTIC"),
    *((tree_regressor, function, targets, base) for function in ("SUM", "AVERAGE", "MIN", "MAX") for targets in (1, 3) for base in (False, True)),
    *((tree_classifier, 3, (0, 1, 2), positive, base, False, transform) for positive in (False, True) for base in (0, 3) for transform in TRANSFORMS[:4]),
    # Where one score is that of two classes, ONNX Runtime makes no softmax of it, and of class 1 alone it leaves out the base.
    *((tree_classifier, 2, (0,), positive, base, False, transform) for positive in (False, True) for base in (0, 1) for transform in TRANSFORMS[:2]),
    *((tree_classifier, 2, (1,), positive, 0, False, transform) for positive in (False, True) for transform in TRANSFORMS[:3]),
    *((tree_classifier, 2, (0, 1), positive, 0, False, transform) for positive in (False, True) for transform in TRANSFORMS[:4]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(getattr(part, "__name__", str(part)) for part in case))
def test_computes_what_onnx_runtime_computes(case, tmp_path):
    random = np.random.default_rng(len(str(case)))
    operator, attributes = case[0](random, *case[1:])
    count = 2 if operator.endswith("Classifier") else 1
    names = ["y", "z"][:count]
    node = helper.make_node(operator, ["x"], names, domain="ai.onnx.ml", **attributes)
    x = random.standard_normal((ROWS, FEATURES)).astype(np.float32)
    if operator.startswith("Tree"):
        x[::3, 1] = np.nan
    label = TensorProto.STRING if "classlabels_strings" in attributes else TensorProto.INT64
    types = [label, TensorProto.FLOAT] if count == 2 else [TensorProto.FLOAT]
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info(name, type, None) for name, type in zip(names, types)],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    model = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), model)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected = session.run(names, {"x": x})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "input_0.pb").write_bytes(onnx.numpy_helper.from_array(x, "x").SerializeToString())
    peftc("run", model, "-i", tmp_path / "in", "-o", tmp_path / "out")
    for number, wanted in enumerate(expected):
        stored = (tmp_path / "out" / f"output_{number}.pb").read_bytes()
        found = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(stored))
        assert found.shape == wanted.shape
        if number == 0 and count == 2:
            if case[1:3] == (2, (0, 1)):
                continue  # The label of ONNX Runtime is 0 or 1, whatever the labels are.
            assert [v.decode() if isinstance(v, bytes) else v for v in found.tolist()] == wanted.tolist()
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
