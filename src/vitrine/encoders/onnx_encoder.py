"""Run an encoder's ONNX file with ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.pretrained_graph import read_graph
from vitrine.errors import ArtifactError
from vitrine.threads import thread_limit

FloatArray = NDArray[np.float32]
_CUDA = "CUDAExecutionProvider"


class OnnxModel:
    """One ONNX file with one input, and the session that runs it.

    The session is made at the first call; copies and pickles hold the file alone.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        What an error calls it.
    output : str, optional
        Which output is returned; None: the first.
    threads : int, optional
        How many threads one run uses; None: as many as ONNX Runtime thinks best.
    cuda : bool
        Run on a GPU where ONNX Runtime was built for one and finds it.
    """

    def __init__(
        self,
        content: bytes,
        name: str = "the ONNX file",
        *,
        output: str | None = None,
        threads: int | None = None,
        cuda: bool = False,
    ) -> None:
        self.content, self.name = content, name
        self.output, self.threads, self.cuda = output, threads, cuda
        self._session: Any = None

    @property
    def session(self) -> Any:
        """The ``onnxruntime.InferenceSession``; ArtifactError if the file cannot be read."""
        if self._session is None:
            self._session = self._open()
        return self._session

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the output for a batch of inputs, float32.

        Raises
        ------
        ArtifactError
            If ONNX Runtime cannot read the file, or it would read others or run foreign code.
        """
        given = self.session.get_inputs()[0].name
        wanted = None if self.output is None else [self.output]
        output: FloatArray = self._run(wanted, {given: values})[0]
        return output

    def outputs(self, values: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return every output by its name, for a batch of each input by its name.

        Raises
        ------
        ArtifactError
            If ONNX Runtime cannot read the file.
        """
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self._run(names, values), strict=True))

    def _run(self, names: list[str] | None, values: dict[str, FloatArray]) -> Any:
        session = self.session
        try:
            return session.run(names, values)
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise ArtifactError(f"{self.name} cannot be run ({error}); fit it again") from error

    def _open(self) -> Any:
        import onnxruntime

        read_graph(self.content, self.name)  # no files of its choice, no foreign operators
        options = onnxruntime.SessionOptions()
        options.use_deterministic_compute = True
        options.log_severity_level = 3  # errors; they are raised as well
        options.intra_op_num_threads = self.threads or thread_limit() or 0
        # Threads that decode the next pictures need the cores while these wait for each other:
        # spinning took a quarter more processor time for each picture.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        if self.cuda and _CUDA in onnxruntime.get_available_providers():
            providers.insert(0, _CUDA)
        try:
            return onnxruntime.InferenceSession(self.content, options, providers=providers)
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise ArtifactError(f"{self.name} cannot be run ({error}); fit it again") from error

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_session": None}
