# expect: nothing
import copy
import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
GAMMA, BATCH, SYNC = 0.8, 32, 25


class Balance:
    """Keep a drifting ball near the middle of a track: push left, do nothing, push right."""

    def reset(self):
        self.position, self.speed = random.uniform(-1, 1), random.uniform(-0.5, 0.5)
        return [self.position, self.speed]

    def step(self, action):
        self.speed = 0.9 * self.speed + 0.2 * (action - 1) + random.gauss(0, 0.02)
        self.position = max(-1.5, min(1.5, self.position + 0.5 * self.speed))
        return [self.position, self.speed], 0.5 - abs(self.position)


def play(env, policy, steps=20):
    state, total = env.reset(), 0.0
    for _ in range(steps):
        state, reward = env.step(policy(state))
        total += reward
    return total / steps


q_net = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))
target_net = copy.deepcopy(q_net).requires_grad_(False)
optimizer = torch.optim.Adam(q_net.parameters(), lr=2e-3)
memory = deque(maxlen=5000)
env = Balance()


def greedy(state):
    with torch.no_grad():
        return int(q_net(torch.tensor(state)).argmax())


step = 0
for episode in range(60):
    epsilon = max(0.1, 1 - episode / 30)
    state = env.reset()
    for _ in range(20):
        action = random.randrange(3) if random.random() < epsilon else greedy(state)
        after, reward = env.step(action)
        memory.append((state, action, reward, after))
        state = after
        if len(memory) < 200:
            continue
        states, actions, rewards, afters = zip(*random.sample(memory, BATCH))
        q = q_net(torch.tensor(states)).gather(1, torch.tensor(actions).unsqueeze(1)).squeeze(1)
        with torch.no_grad():
            best = target_net(torch.tensor(afters)).max(1).values
            target = torch.tensor(rewards) + GAMMA * best
        loss = nn.functional.smooth_l1_loss(q, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % SYNC == 0:
            target_net.load_state_dict(q_net.state_dict())
    if episode % 15 == 14:
        score = sum(play(env, greedy) for _ in range(20)) / 20
        print(f"episode {episode}: loss {loss.item():.4f}, mean reward {score:.3f} (best 0.5)")
