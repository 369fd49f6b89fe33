"""Finds the Python files of a DAG folder that define a DAG, as helper modules can be in the folder too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def dag_files(folder: Path) -> set[str]:
    """Return the names of the files of `folder` in which Airflow must find a DAG, or an import error."""
    return {path.name for path in folder.glob("*.py") if defines_dag(path.read_text(encoding="utf-8"))}


def defines_dag(source: str) -> bool:
    """Return whether the module makes a DAG when it is imported: by `@dag`, or by `DAG(…)` outside functions.

    A DAG that a function of another module makes is not recognised. For text that is not Python, the result
    is that of Airflow's safe mode, which reads only files with both words.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return all(word in source.lower() for word in ("dag", "airflow"))
    return any(_makes_dag(node) for node in _outside_functions(tree))


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, FUNCTIONS):
        for child in ast.iter_child_nodes(node):
            yield from _outside_functions(child)


def _makes_dag(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return any(_name(decorator) == "dag" for decorator in node.decorator_list)
    return isinstance(node, ast.Call) and _name(node) == "DAG"


def _name(node: ast.expr) -> str:
    """Return the last part of the name that an expression refers to or calls; "" for others."""
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""
