//! Which fields this version knows: prost drops others without a word.

/// The fields of a message.
pub(super) struct Message {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// Tags, and the message a field holds.
    pub(super) fields: &'static [(u32, Option<&'static Message>)],
}

static ATTRIBUTE_PROTO: Message = Message {
    name: "AttributeProto",
    fields: &[
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, Some(&TENSOR_PROTO)),
        (6, Some(&GRAPH_PROTO)),
        (7, None),
        (8, None),
        (9, None),
        (10, Some(&TENSOR_PROTO)),
        (11, Some(&GRAPH_PROTO)),
        (13, None),
        (14, Some(&TYPE_PROTO)),
        (15, Some(&TYPE_PROTO)),
        (20, None),
        (21, None),
        (22, Some(&SPARSE_TENSOR_PROTO)),
        (23, Some(&SPARSE_TENSOR_PROTO)),
    ],
};
static DEVICE_CONFIGURATION_PROTO: Message =
    Message { name: "DeviceConfigurationProto", fields: &[(1, None), (2, None), (3, None)] };
static FUNCTION_PROTO: Message = Message {
    name: "FunctionProto",
    fields: &[
        (1, None),
        (4, None),
        (5, None),
        (6, None),
        (7, Some(&NODE_PROTO)),
        (8, None),
        (9, Some(&OPERATOR_SET_ID_PROTO)),
        (10, None),
        (11, Some(&ATTRIBUTE_PROTO)),
        (12, Some(&VALUE_INFO_PROTO)),
        (13, None),
        (14, Some(&STRING_STRING_ENTRY_PROTO)),
    ],
};
static GRAPH_PROTO: Message = Message {
    name: "GraphProto",
    fields: &[
        (1, Some(&NODE_PROTO)),
        (2, None),
        (5, Some(&TENSOR_PROTO)),
        (10, None),
        (11, Some(&VALUE_INFO_PROTO)),
        (12, Some(&VALUE_INFO_PROTO)),
        (13, Some(&VALUE_INFO_PROTO)),
        (14, Some(&TENSOR_ANNOTATION)),
        (15, Some(&SPARSE_TENSOR_PROTO)),
        (16, Some(&STRING_STRING_ENTRY_PROTO)),
    ],
};
static INT_INT_LIST_ENTRY_PROTO: Message =
    Message { name: "IntIntListEntryProto", fields: &[(1, None), (2, None)] };
pub(super) static MODEL_PROTO: Message = Message {
    name: "ModelProto",
    fields: &[
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, None),
        (6, None),
        (7, Some(&GRAPH_PROTO)),
        (8, Some(&OPERATOR_SET_ID_PROTO)),
        (14, Some(&STRING_STRING_ENTRY_PROTO)),
        (20, Some(&TRAINING_INFO_PROTO)),
        (25, Some(&FUNCTION_PROTO)),
        (26, Some(&DEVICE_CONFIGURATION_PROTO)),
    ],
};
static NODE_DEVICE_CONFIGURATION_PROTO: Message = Message {
    name: "NodeDeviceConfigurationProto",
    fields: &[(1, None), (2, Some(&SHARDING_SPEC_PROTO)), (3, None)],
};
static NODE_PROTO: Message = Message {
    name: "NodeProto",
    fields: &[
        (1, None),
        (2, None),
        (3, None),
        (4, None),
        (5, Some(&ATTRIBUTE_PROTO)),
        (6, None),
        (7, None),
        (8, None),
        (9, Some(&STRING_STRING_ENTRY_PROTO)),
        (10, Some(&NODE_DEVICE_CONFIGURATION_PROTO)),
    ],
};
static OPERATOR_SET_ID_PROTO: Message =
    Message { name: "OperatorSetIdProto", fields: &[(1, None), (2, None)] };
static SHARDED_DIM_PROTO: Message =
    Message { name: "ShardedDimProto", fields: &[(1, None), (2, Some(&SIMPLE_SHARDED_DIM_PROTO))] };
static SHARDING_SPEC_PROTO: Message = Message {
    name: "ShardingSpecProto",
    fields: &[
        (1, None),
        (2, None),
        (3, Some(&INT_INT_LIST_ENTRY_PROTO)),
        (4, Some(&SHARDED_DIM_PROTO)),
    ],
};
static SIMPLE_SHARDED_DIM_PROTO: Message =
    Message { name: "SimpleShardedDimProto", fields: &[(1, None), (2, None), (3, None)] };
static SPARSE_TENSOR_PROTO: Message = Message {
    name: "SparseTensorProto",
    fields: &[(1, Some(&TENSOR_PROTO)), (2, Some(&TENSOR_PROTO)), (3, None)],
};
static STRING_STRING_ENTRY_PROTO: Message =
    Message { name: "StringStringEntryProto", fields: &[(1, None), (2, None)] };
static TENSOR_ANNOTATION: Message = Message {
    name: "TensorAnnotation",
    fields: &[(1, None), (2, Some(&STRING_STRING_ENTRY_PROTO))],
};
static TENSOR_PROTO: Message = Message {
    name: "TensorProto",
    fields: &[
        (1, None),
        (2, None),
        (3, Some(&TENSOR_PROTO_SEGMENT)),
        (4, None),
        (5, None),
        (6, None),
        (7, None),
        (8, None),
        (9, None),
        (10, None),
        (11, None),
        (12, None),
        (13, Some(&STRING_STRING_ENTRY_PROTO)),
        (14, None),
        (16, Some(&STRING_STRING_ENTRY_PROTO)),
    ],
};
static TENSOR_PROTO_SEGMENT: Message =
    Message { name: "TensorProto.Segment", fields: &[(1, None), (2, None)] };
static TENSOR_SHAPE_PROTO: Message =
    Message { name: "TensorShapeProto", fields: &[(1, Some(&TENSOR_SHAPE_PROTO_DIMENSION))] };
static TENSOR_SHAPE_PROTO_DIMENSION: Message =
    Message { name: "TensorShapeProto.Dimension", fields: &[(1, None), (2, None), (3, None)] };
static TRAINING_INFO_PROTO: Message = Message {
    name: "TrainingInfoProto",
    fields: &[
        (1, Some(&GRAPH_PROTO)),
        (2, Some(&GRAPH_PROTO)),
        (3, Some(&STRING_STRING_ENTRY_PROTO)),
        (4, Some(&STRING_STRING_ENTRY_PROTO)),
    ],
};
static TYPE_PROTO: Message = Message {
    name: "TypeProto",
    fields: &[
        (1, Some(&TYPE_PROTO_TENSOR)),
        (4, Some(&TYPE_PROTO_SEQUENCE)),
        (5, Some(&TYPE_PROTO_MAP)),
        (6, None),
        (7, Some(&TYPE_PROTO_OPAQUE)),
        (8, Some(&TYPE_PROTO_SPARSE_TENSOR)),
        (9, Some(&TYPE_PROTO_OPTIONAL)),
    ],
};
static TYPE_PROTO_TENSOR: Message =
    Message { name: "TypeProto.Tensor", fields: &[(1, None), (2, Some(&TENSOR_SHAPE_PROTO))] };
static TYPE_PROTO_SEQUENCE: Message =
    Message { name: "TypeProto.Sequence", fields: &[(1, Some(&TYPE_PROTO))] };
static TYPE_PROTO_MAP: Message =
    Message { name: "TypeProto.Map", fields: &[(1, None), (2, Some(&TYPE_PROTO))] };
static TYPE_PROTO_OPTIONAL: Message =
    Message { name: "TypeProto.Optional", fields: &[(1, Some(&TYPE_PROTO))] };
static TYPE_PROTO_SPARSE_TENSOR: Message = Message {
    name: "TypeProto.SparseTensor",
    fields: &[(1, None), (2, Some(&TENSOR_SHAPE_PROTO))],
};
static TYPE_PROTO_OPAQUE: Message =
    Message { name: "TypeProto.Opaque", fields: &[(1, None), (2, None)] };
static VALUE_INFO_PROTO: Message = Message {
    name: "ValueInfoProto",
    fields: &[(1, None), (2, Some(&TYPE_PROTO)), (3, None), (4, Some(&STRING_STRING_ENTRY_PROTO))],
};
