# expect: nothing
"""PPO on a small corridor written by hand: several epochs over each roll-out, normalised advantages, entropy bonus."""
import torch
from torch import nn

torch.manual_seed(0)
N, LENGTH, HORIZON = 16, 9, 32


class Corridors:
    """N walkers in corridors; the right end pays."""

    def __init__(self):
        self.at = torch.full((N,), LENGTH // 2)

    def observe(self):
        return nn.functional.one_hot(self.at, LENGTH).float()

    def step(self, action):
        self.at = (self.at + 2 * action - 1).clamp(0, LENGTH - 1)
        done = (self.at == 0) | (self.at == LENGTH - 1)
        reward = torch.where(self.at == LENGTH - 1, 1.0, torch.where(self.at == 0, -1.0, -0.02))
        self.at[done] = LENGTH // 2
        return reward, done


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(LENGTH, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.actor = nn.Linear(32, 2)
        self.critic = nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return torch.distributions.Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


env = Corridors()
net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, eps=1e-5)
for update in range(20):
    states, actions, logps, values, rewards, dones = [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(HORIZON):
            state = env.observe()
            policy, value = net(state)
            action = policy.sample()
            reward, done = env.step(action)
            for store, item in zip(
                (states, actions, logps, values, rewards, dones),
                (state, action, policy.log_prob(action), value, reward, done),
            ):
                store.append(item)
        _, last = net(env.observe())
        advantage, advantages = torch.zeros(N), []
        for t in reversed(range(HORIZON)):
            following = last if t == HORIZON - 1 else values[t + 1]
            alive = (~dones[t]).float()
            delta = rewards[t] + 0.97 * following * alive - values[t]
            advantage = delta + 0.97 * 0.95 * alive * advantage
            advantages.insert(0, advantage)
    s, a, lp = torch.cat(states), torch.cat(actions), torch.cat(logps)
    adv = torch.cat(advantages)
    returns = adv + torch.cat(values)
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for epoch in range(4):
        for index in torch.randperm(len(s)).split(128):
            policy, value = net(s[index])
            ratio = (policy.log_prob(a[index]) - lp[index]).exp()
            clipped = ratio.clamp(0.8, 1.2)
            actor = -torch.min(ratio * adv[index], clipped * adv[index]).mean()
            critic = nn.functional.mse_loss(value, returns[index])
            loss = actor + 0.5 * critic - 0.01 * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
    print(f"update {update} mean reward {torch.stack(rewards).mean():.3f} loss {loss.item():.3f}")
