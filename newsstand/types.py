"""Types that modules share; the shape of an array is given where it is documented."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Float32s: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Hashes: TypeAlias = NDArray[np.uint64]

# Where an encoder runs; `auto` is a GPU if there is one.
Device: TypeAlias = Literal["auto", "cpu", "cuda"]
