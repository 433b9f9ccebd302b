"""Run an encoder's ONNX file with ONNX Runtime, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import ArtifactError

FloatArray = NDArray[np.float32]


class OnnxModel:
    """One ONNX file with one input and one output, and the session that runs it.

    The session is made at the first call; copies and pickles hold the file alone.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        What an error calls it.
    """

    def __init__(self, content: bytes, name: str = "the ONNX file") -> None:
        self.content, self.name = content, name
        self._session: Any = None

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the output for a batch of inputs, float32.

        Raises
        ------
        ArtifactError
            If ONNX Runtime cannot read the file.
        """
        if self._session is None:
            self._session = self._open()
        given = self._session.get_inputs()[0].name
        output: FloatArray = self._session.run(None, {given: values})[0]
        return output

    def _open(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.use_deterministic_compute = True
        options.log_severity_level = 3  # errors; they are raised as well
        try:
            return onnxruntime.InferenceSession(
                self.content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise ArtifactError(f"{self.name} cannot be run ({error}); fit it again") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"content": self.content, "name": self.name, "_session": None}
