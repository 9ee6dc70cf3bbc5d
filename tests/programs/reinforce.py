# expect: nothing
"""REINFORCE on a corridor: one episode a step, a policy that is called once per move."""

import torch
from torch import nn

torch.manual_seed(0)
LENGTH = 8
policy = nn.Sequential(nn.Linear(LENGTH, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)


def episode():
    position, log_probs, rewards = 3, [], []
    for _ in range(20):
        state = torch.zeros(1, LENGTH)
        state[0, position] = 1.0
        choice = torch.distributions.Categorical(logits=policy(state))
        action = choice.sample()
        log_probs.append(choice.log_prob(action))
        position += 1 if action.item() == 1 else -1
        rewards.append(1.0 if position == LENGTH - 1 else -0.05)
        if position in (0, LENGTH - 1):
            break
        position = max(0, min(LENGTH - 1, position))
    return log_probs, rewards


average = 0.0
for number in range(300):
    log_probs, rewards = episode()
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + 0.97 * total
        returns.insert(0, total)
    returns = torch.tensor(returns)
    loss = -(torch.cat(log_probs) * (returns - 0.5)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average = 0.95 * average + 0.05 * sum(rewards)
    if number % 50 == 0:
        print(f"episode {number}: average reward {average:.2f}")
