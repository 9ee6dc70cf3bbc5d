"""The first lines of every program that the tests of the engine run."""

PRELUDE = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
X = torch.randn(96, 6)
Y = (X[:, 0] + X[:, 1] > 0).long()
data = TensorDataset(X, Y)
"""
