"""Shapes of public tensor and array functions, checked at run time by jaxtyping with beartype.

The packages themselves import neither: `model` runs with torch and numpy alone. A test states a function's shapes and
calls it through `with_shapes`, which fails where an argument or the result has another shape or dtype.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from beartype.door import die_if_unbearable
from jaxtyping import jaxtyped


def with_shapes(function: Callable[..., Any], /, **hints: Any) -> Callable[..., Any]:
    """The function under jaxtyping hints: by parameter name, and `result` for what it returns.

    Equal names of dimensions must have equal sizes throughout one call.
    """
    signature = inspect.signature(function)
    unknown = set(hints) - set(signature.parameters) - {"result"}
    assert not unknown, f"{function.__name__} has no parameters {sorted(unknown)}"

    @jaxtyped(typechecker=None)
    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in hints:
                die_if_unbearable(value, hints[name])
        result = function(*args, **kwargs)
        if "result" in hints:
            die_if_unbearable(result, hints["result"])
        return result

    return checked
