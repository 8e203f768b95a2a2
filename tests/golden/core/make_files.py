"""Writes the torch and safetensors files of this folder with Python's torch and safetensors."""
import argparse
import collections

import numpy
import torch
from safetensors.torch import save_file

torch.manual_seed(0)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 4)
        self.b = torch.nn.BatchNorm1d(4)
        self.c = torch.nn.Linear(4, 2, bias=False)
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.tied = torch.nn.Linear(3, 4)
        self.tied.weight = self.a.weight
        self.itself = [self]


net = Net()
state = net.state_dict()
base = torch.arange(24.0).reshape(2, 3, 4)
pair = torch.complex(torch.ones(2), torch.arange(2.0))
views = {
    "transposed": base.transpose(0, 2),
    "sliced": base[1, 1:, ::2],
    "conjugated": pair.conj(),
    "negated": torch.complex(torch.ones(2), torch.arange(2.0)).conj().imag,
    "bf16": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "f16": torch.tensor([1.5, -2, 6e-8, 65504, float("inf")]).half(),
    "boolean": torch.tensor([True, False]),
    "f64": torch.tensor([0.1], dtype=torch.float64),
    "i32": torch.tensor([-7, 70000], dtype=torch.int32),
    "i16": torch.tensor([-7], dtype=torch.int16),
    "i8": torch.tensor([-1], dtype=torch.int8),
    "u8": torch.tensor([255], dtype=torch.uint8),
    "empty": torch.zeros(0, 5),
    "scalar": torch.tensor(3),
    "expanded": torch.ones(1).expand(5),
}
everything = {
    "model_state_dict": state,
    "train_losses": [0.5, 0.25],
    "val_losses": {"rmse": [torch.tensor(0.5), torch.tensor(float("nan"))]},
    "iteration": 3,
    "best_iteration": 2,
    "best_val_loss": torch.tensor(0.25),
    "numpy_f64": numpy.float64(0.25),
    "numpy_f32": numpy.float32(1.5),
    "numpy_f16": numpy.float16(0.5),
    "numpy_i64": numpy.int64(-7),
    "numpy_u8": numpy.uint8(200),
    "numpy_bool": numpy.bool_(True),
    "numpy_array": numpy.arange(3),
    "long": 2**40,
    "negative_long": -(2**40),
    "longer_than_64_bits": 2**100,
    "negative": -5,
    "set": {7},
    "frozenset": frozenset([3]),
    "bytes": b"\xff\x00a",
    "size": torch.Size([1, 2]),
    "defaultdict": collections.defaultdict(list, {"x": [1]}),
    "dtype": torch.float32,
    "device": torch.device("cuda:0"),
    "namespace": argparse.Namespace(a=1),
    "none": None,
    "true": True,
    "tuple": (1, 2, 3, 4),
    "text": "gr\u00f6\u00dfer",
    "views": views,
    "unknown_type": torch.tensor([1], dtype=torch.uint16),
}
for protocol in (2, 3, 4, 5):
    torch.save(everything, f"everything_p{protocol}.pth", pickle_protocol=protocol)
for protocol in (2, 4):
    torch.save(everything, f"everything_legacy_p{protocol}.pth", pickle_protocol=protocol,
               _use_new_zipfile_serialization=False)
torch.save(net, "module.pth")
torch.save(state, "bare_state.pth")
torch.save({"state_dict": state, "epoch": 1}, "state_dict_key.pth")
torch.save({"args": argparse.Namespace(a=1), "model": dict(state), "optimizer": {"state": {}}}, "model_key.pth")
torch.save(torch.ones(2, 3), "bare_tensor.pth")
plain = {name: tensor.resolve_conj().resolve_neg().contiguous().clone() for name, tensor in views.items()}
plain["c64"] = pair.clone()
save_file(plain, "views.safetensors", metadata={"origin": "python", "gr\u00f6\u00dfe": "\u00e4"})
save_file({name: tensor.clone() for name, tensor in state.items()}, "state.safetensors")
