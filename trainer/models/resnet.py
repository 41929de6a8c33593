"""A small residual network.

Source: He et al. 2016, "Identity mappings in deep residual networks": norm and activation in front of each
convolution, and nothing on the way past them.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainer.models.layers import Dropout, activation, has_bias, image_norm
from trainer.settings import ModelSettings
from trainer.signature import Signature

STAGES = 3


def resnet(settings: ModelSettings, signature: Signature, outputs: int) -> nn.Module:
    """A convolution, three stages of ``depth`` blocks, global average pooling, dropout, the classifier.

    The stages have c, 2c and 4c channels, c being ``channels``; the second and third halve the image while it
    is above 2x2.
    """
    given, height, width = signature.input_shape
    channels = settings.channels
    layers: list[nn.Module] = [nn.Conv2d(given, channels, 3, padding=1, bias=False)]
    given = channels
    for stage in range(STAGES):
        halve = stage > 0 and min(height, width) > 2
        for block in range(settings.depth):
            layers.append(Block(settings, given, channels, stride=2 if halve and block == 0 else 1))
            given = channels
        if halve:
            height, width = (height + 1) // 2, (width + 1) // 2
        channels *= 2
    layers += [*image_norm(settings, given), activation(settings), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, Dropout(settings.dropout), nn.Linear(given, outputs))


class Block(nn.Module):
    """What two convolutions of 3x3 add to their input, each behind norm and activation."""

    def __init__(self, settings: ModelSettings, given: int, channels: int, stride: int) -> None:
        """From ``given`` channels to ``channels``; a ``stride`` of 2 halves the image."""
        super().__init__()
        self.before = nn.Sequential(*image_norm(settings, given), activation(settings))
        self.branch = nn.Sequential(
            nn.Conv2d(given, channels, 3, stride, padding=1, bias=has_bias(settings)),
            *image_norm(settings, channels),
            activation(settings),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )
        # Where the shape changes, the way past is a convolution of 1x1, of what the branch is given.
        changes = stride != 1 or given != channels
        self.past = nn.Conv2d(given, channels, 1, stride, bias=False) if changes else None

    def forward(self, inputs: Tensor) -> Tensor:
        ready = self.before(inputs)
        past = inputs if self.past is None else self.past(ready)
        added: Tensor = past + self.branch(ready)
        return added
