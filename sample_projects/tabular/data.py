"""The diabetes data: ten measurements of 442 patients, and how the disease went on."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset


class Diabetes(Dataset):
    def __init__(self, features, targets):
        self.features = torch.tensor(features, dtype=torch.float32)
        self.targets = torch.tensor(targets, dtype=torch.float32)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return self.features[index], self.targets[index]


def load_splits(seed):
    """Return the training set, the validation set, and the scaler of the target."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x_train, x_val, y_train, y_val = train_test_split(
        x, y.reshape(-1, 1), test_size=0.2, random_state=seed
    )
    x_scaler, y_scaler = StandardScaler().fit(x_train), StandardScaler().fit(y_train)
    train = Diabetes(x_scaler.transform(x_train), y_scaler.transform(y_train))
    val = Diabetes(x_scaler.transform(x_val), y_scaler.transform(y_val))
    return train, val, y_scaler
