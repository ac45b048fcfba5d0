"""Simulated account: inference profiles and async invocations."""

from __future__ import annotations

from dataclasses import dataclass, field

_APPLICATION = ":application-inference-profile/"
_FOUNDATION_MODEL = "arn:aws:bedrock:us-east-1::foundation-model/"
_INVOCATION = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/"


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceProfile:
    """An inference profile that GetInferenceProfile returns.

    Attributes:
        arn: Its ARN, which contains its kind and id.
        model_arns: ARNs of the foundation models behind it.
        name: Its name.
    """

    arn: str
    model_arns: tuple[str, ...]
    name: str = "simulated"

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def is_application(self) -> bool:
        """Return whether a user created it, not AWS."""
        return _APPLICATION in self.arn


@dataclass(frozen=True, slots=True)
class AsyncInvocation:
    """An invocation started with StartAsyncInvoke.

    Attributes:
        number: Ordinal of its request, used in its ARN.
        model_id: Model as the caller named it.
        output: ``outputDataConfig`` of its request.
    """

    number: int
    model_id: str
    output: object

    @property
    def arn(self) -> str:
        """ARN of the invocation, whose last part has twelve characters as AWS'."""
        return f"{_INVOCATION}{self.number:012d}"

    @property
    def model_arn(self) -> str:
        """ARN of the model, made from its id unless the caller gave an ARN."""
        if self.model_id.startswith("arn:"):
            return self.model_id
        return _FOUNDATION_MODEL + self.model_id


@dataclass(slots=True)
class SimulatedAccount:
    """Profiles and invocations by id and ARN.

    Attributes:
        profiles: Inference profiles, each under its id and its ARN.
        invocations: Async invocations by ARN, oldest first.
    """

    profiles: dict[str, InferenceProfile] = field(default_factory=dict)
    invocations: dict[str, AsyncInvocation] = field(default_factory=dict)

    def add_profile(self, profile: InferenceProfile) -> None:
        """Add *profile*."""
        self.profiles[profile.id] = self.profiles[profile.arn] = profile

    def clear(self) -> None:
        """Remove all profiles and invocations."""
        self.profiles.clear()
        self.invocations.clear()

    def add_invocation(self, invocation: AsyncInvocation) -> None:
        """Add *invocation*."""
        self.invocations[invocation.arn] = invocation
