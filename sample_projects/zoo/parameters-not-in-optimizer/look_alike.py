# expect: nothing
import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
STATES, ACTIONS, GAMMA, BATCH = 6, 3, 0.9, 64


def make_q_network():
    return nn.Sequential(
        nn.Linear(STATES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, ACTIONS)
    )


# Replay memory of a random policy in a small linear world.
N = 4000
dynamics = torch.randn(ACTIONS, STATES, STATES) / STATES**0.5 * 0.8
reward_weights = torch.randn(ACTIONS, STATES) / STATES**0.5
states = torch.randn(N, STATES)
actions = torch.randint(ACTIONS, (N,))
next_states = torch.einsum("nij,nj->ni", dynamics[actions], states) + 0.1 * torch.randn(N, STATES)
rewards = (reward_weights[actions] * states).sum(1)
n_train = 3600


def td_error(network, index):
    value = network(states[index]).gather(1, actions[index].unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        best_next = target(next_states[index]).max(dim=1).values
        goal = rewards[index] + GAMMA * best_next
    return F.smooth_l1_loss(value, goal)


policy = make_q_network()
target = copy.deepcopy(policy)  # follows the policy slowly, so it is in no optimizer
target.requires_grad_(False)
average = AveragedModel(policy, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)

for step in range(600):
    index = torch.randint(n_train, (BATCH,))
    loss = td_error(policy, index)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update_parameters(policy)
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), policy.parameters(), strict=True):
            slow.lerp_(fast, 0.02)
    if step % 50 == 0:
        with torch.no_grad():
            held_out = torch.arange(n_train, N)
            val = td_error(average, held_out)
        print(f"step {step:4d} loss {loss.item():.4f} averaged model, held out {val.item():.4f}")
