"""The question to a law as the query parameters of a request."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from analysis.answers.ask import Question
from analysis.devices import hardware
from analysis.records import QuestionError
from sweeps.programs.program import Program


class Asked(BaseModel):
    """The query of a prediction: one budget, at most one constraint, and the device whose hours are shown."""

    model_config = ConfigDict(extra="forbid")

    flops: float | None = Field(None, description="Training budget C in FLOPs.")
    gpu_hours: float | None = Field(None, description="The budget as hours on the device.")
    loss: float | None = Field(None, description="Loss to reach: the budget is the smallest that reaches it.")
    params: float | None = Field(None, description="A model of N parameters instead of the optimum.")
    tokens: float | None = Field(
        None, description="With params, instead of a budget: the model is trained on D tokens."
    )
    too_small: float | None = Field(None, description="A model smaller than the optimum by this factor.")
    max_tokens: float | None = Field(None, description="Only this many unique tokens exist.")
    inference_tokens: float | None = Field(None, description="This many tokens of inference follow.")
    device: str | None = Field(None, description="Device whose hours are shown: h100, a100, …")
    mfu: float | None = Field(None, description="Share of the device's peak that is reached, 0.4 by default.")
    variant: str = Field("", description="Which combination of varied values: axis=value,…")
    loss_key: str = Field("", description="Which loss: loss.SET or bits_per_byte.SET; by default loss.")
    device_tflops: float | None = Field(None, description="Dense 16-bit peak of a device that is not listed, TFLOP/s.")

    def question(self) -> Question:
        """The question. Raises QuestionError for parameters that do not go together, or an unknown device."""
        named = self.device is not None or self.device_tflops is not None
        if self.mfu is not None and not named:
            raise QuestionError("`mfu` needs a device: give `device` or `device_tflops`")
        return Question(
            flops=self.flops,
            gpu_hours=self.gpu_hours,
            loss=self.loss,
            params=self.params,
            tokens=self.tokens,
            times_too_small=self.too_small,
            max_tokens=self.max_tokens,
            inference_tokens=self.inference_tokens,
            hardware=hardware(self.device or "", utilisation=self.mfu, tflops=self.device_tflops) if named else None,
        )


class ConfigurationAsked(Asked):
    """The query of a configuration: that of a prediction, and the program."""

    program: Program = Field(description="The program that reads the configuration.")
