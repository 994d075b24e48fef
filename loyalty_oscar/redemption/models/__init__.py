"""What points may pay for in a program and every use of them; rewards that members had, and the way back of both."""

from .claims import Claim, ClaimStep, RewardCode
from .using import LeastOrder, Redemption, UseTerms

__all__ = ["Claim", "ClaimStep", "LeastOrder", "Redemption", "RewardCode", "UseTerms"]
