# expect: learning-rate-too-high
# needs: transformers accelerate
import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)


class Sentences(Dataset):
    """Rows of words of which the positive ones outnumber the negative ones, or not."""

    def __init__(self, size, seed):
        random = np.random.default_rng(seed)
        self.words = random.integers(5, 60, (size, 12))
        self.words[:, 0] = 1
        mood = (self.words < 25).sum(1) - (self.words >= 40).sum(1)
        self.labels = (mood > 0).astype(np.int64)

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return {
            "input_ids": torch.tensor(self.words[i]),
            "attention_mask": torch.ones(12, dtype=torch.long),
            "labels": int(self.labels[i]),
        }


def compute_metrics(prediction):
    logits, labels = prediction
    return {"accuracy": float((logits.argmax(-1) == labels).mean())}


if __name__ == "__main__":
    set_seed(0)
    model = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=60, max_position_embeddings=16, dim=48, hidden_dim=96, n_heads=4, n_layers=2)
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir="out",
            num_train_epochs=12,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            gradient_accumulation_steps=1,
            learning_rate=0.03,
            eval_strategy="epoch",
            save_strategy="epoch",
            logging_steps=10,
            load_best_model_at_end=True,
            report_to="none",
            use_cpu=True,
        ),
        train_dataset=Sentences(1600, 0),
        eval_dataset=Sentences(256, 1),
        compute_metrics=compute_metrics,
    )
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model("final")
