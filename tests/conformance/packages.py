"""The newest official SDKs that the package index serves, as documents that can be held against what is known.

They are downloaded without their dependencies, for any Python, and read as source: nothing of them is run.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KALSHI, POLYMARKET = "kalshi_python_async", "polymarket-client"
Json = dict[str, Any]


def download(name: str, folder: Path) -> tuple[str, Path]:
    """(version, folder of its source) of the newest release. Raises CalledProcessError if the index has none."""
    target = folder / name
    uv = shutil.which("uv") or ROOT / ".uv" / "bin" / "uv"
    options = ["--quiet", "--no-deps", "--python-version", "3.14", "--refresh-package", name, "--target", target]
    subprocess.run([str(part) for part in (uv, "pip", "install", *options, name)], check=True)
    (described,) = target.glob("*.dist-info")
    return described.name.removesuffix(".dist-info").rsplit("-", 1)[1], target


# -- Kalshi: made by the OpenAPI generator ---------------------------------------------------------------------------


def kalshi(folder: Path) -> Json:
    """Endpoints and models of the SDK in the form of ``rest-3.34.0``, with the enums of fields."""
    files = sorted((folder / KALSHI / "models").glob("*.py"))
    classes = {node.name: node for file in files for node in _tree(file).body if isinstance(node, ast.ClassDef)}
    models = {name: _enum(node) or _model(node, classes) for name, node in classes.items()}
    endpoints = [
        endpoint
        for file in sorted((folder / KALSHI / "api").glob("*_api.py"))
        for node in _tree(file).body
        if isinstance(node, ast.ClassDef)
        for endpoint in _operations(node)
    ]
    return {"endpoints": endpoints, "models": models}


def _enum(node: ast.ClassDef) -> Json | None:
    """An enum class as a schema."""
    if "Enum" not in {getattr(base, "id", "") for base in node.bases}:
        return None
    return {"type": "string", "enum": _texts(n.value for n in node.body if isinstance(n, ast.Assign))}


def _model(node: ast.ClassDef, models: Collection[str]) -> Json:
    properties: dict[str, Json] = {}
    required: list[str] = []
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        kind = ast.unparse(field.annotation)
        if kind.startswith("ClassVar") or field.target.id.startswith("_"):
            continue
        name = _alias(field.value) or field.target.id
        properties[name] = _schema(kind, models)
        if not _has_default(field.value):
            required.append(name)
    for checked, values in _checked(node):
        if checked in properties:
            properties[checked]["enum"] = values
    return {"type": "object", "properties": properties, "required": required}


_PLAIN: dict[str, Json] = {
    "StrictBool": {"type": "boolean"},
    "StrictInt": {"type": "integer"},
    "StrictFloat": {"type": "number"},
    "datetime": {"type": "string", "format": "date-time"},
    "Dict": {"type": "object"},
    "Any": {},
}
"""Types of fields by the beginning of their annotation; anything else that isn't a model is text."""


def _schema(kind: str, models: Collection[str]) -> Json:
    """A field's type: a list, a model, or something plain."""
    for wrapper in ("Optional[", "Annotated["):
        kind = kind.removeprefix(wrapper)
    if kind.startswith("List["):
        return {"type": "array", "items": _schema(kind[5:], models)}
    name = next(iter(re.findall(r"\w+", kind.removeprefix("Union["))))
    return {"$ref": name} if name in models else next((s for n, s in _PLAIN.items() if name == n), {"type": "string"})


def _checked(node: ast.ClassDef) -> Iterator[tuple[str, list[str]]]:
    """(field, values) of the validators that look whether a value is one of an enum."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name.endswith("_validate_enum"):
            for inner in ast.walk(method):
                if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.NotIn):
                    values = [n.value for n in ast.walk(inner.comparators[0]) if isinstance(n, ast.Constant)]
                    yield method.name.removesuffix("_validate_enum"), sorted(map(str, values))
                    break


def _operations(node: ast.ClassDef) -> Iterator[Json]:
    bodies = {
        method.name: next((_plain(a) for a in method.args.args if _is_body(a)), None)
        for method in node.body
        if isinstance(method, ast.AsyncFunctionDef | ast.FunctionDef)
    }
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or not method.name.endswith("_serialize"):
            continue
        name = method.name.strip("_").removesuffix("_serialize")
        text = ast.unparse(method)
        main = next(n for n in node.body if getattr(n, "name", "") == name)
        answers = re.search(r"_response_types_map.*?= (\{.*?\})", ast.unparse(main), re.DOTALL)
        path = re.search(r"resource_path='([^']*)'", text)
        verb = re.search(r"method='([A-Z]+)'", text)
        assert path is not None, name
        assert verb is not None, name
        yield {
            "op": name,
            "method": verb[1],
            "path": path[1],
            "params": [{"name": n} for n in re.findall(r"_query_params\.append\(\('([^']+)'", text)],
            "request": bodies.get(f"{name}_with_http_info"),
            "success": {k: v for k, v in ast.literal_eval(answers[1]).items() if k[0] == "2"} if answers else {},
        }


def _plain(argument: ast.arg) -> str:
    """An argument's type without its Optional."""
    kind = "" if argument.annotation is None else ast.unparse(argument.annotation)
    return kind.removeprefix("Optional[").removesuffix("]")


def _is_body(argument: ast.arg) -> bool:
    """Whether an argument is the request's body: a model of its own, named as the argument is."""
    return _plain(argument).lower() == argument.arg.replace("_", "") and argument.arg.endswith("_request")


# -- Polymarket: written by hand -------------------------------------------------------------------------------------


def polymarket(folder: Path) -> Json:
    """Paths, fields by model and values by enum of the SDK's source."""
    paths, classes, enums = set[str](), dict[str, ast.ClassDef](), dict[str, list[str]]()
    for file in sorted((folder / "polymarket").rglob("*.py")):
        tree = _tree(file)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.fullmatch(r"/[\w/-]{3,}", node.value)
            ):
                paths.add(node.value)
            elif isinstance(node, ast.ClassDef) and "models" in file.parts:
                classes[node.name] = node
        enums |= dict(_literals(tree))
    models = {name: sorted(set(_wire_names(node, classes))) for name, node in classes.items()}
    return {"paths": sorted(paths), "models": models, "enums": enums}


def _wire_names(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    """A model's fields as they are named on the wire, those of its bases among them."""
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes and base.id != node.name:
            yield from _wire_names(classes[base.id], classes)
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            yield _alias(field.value) or field.target.id


def _literals(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Names that stand for a choice of words."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            value = node.value
            if (
                isinstance(target, ast.Name)
                and isinstance(value, ast.Subscript)
                and ast.unparse(value.value) == "Literal"
            ):
                yield target.id, _texts(ast.walk(value.slice))
        elif isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            yield node.name, _texts(n.value for n in node.body if isinstance(n, ast.Assign))


def _texts(nodes: Iterable[ast.AST]) -> list[str]:
    return [str(node.value) for node in nodes if isinstance(node, ast.Constant)]


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _has_default(value: ast.expr | None) -> bool:
    """Whether a pydantic field may be left out."""
    if isinstance(value, ast.Call):
        return bool(value.args) or any(word.arg in ("default", "default_factory") for word in value.keywords)
    return value is not None


def _alias(value: ast.expr | None) -> str | None:
    """The name on the wire that a pydantic field gives: the first one that it takes."""
    if not isinstance(value, ast.Call):
        return None
    for word in value.keywords:
        if word.arg in ("alias", "validation_alias"):
            names = [n.value for n in ast.walk(word.value) if isinstance(n, ast.Constant)]
            return str(names[0]) if names else None
    return None
