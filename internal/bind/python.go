package bind

import (
	"fmt"
	"strings"
)

const (
	pythonWords = "False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try type while with yield"
	pythonUsed  = "self cls UNSET Any Dict List Literal Tuple Union cast Unset bool bytes float int str dict list object"
)

// pythonRuntime is the connection: one call at a time, from any thread.
const pythonRuntime = `
from __future__ import annotations

import json
import socket
import threading
from typing import Any, Dict, List, Literal, Tuple, Union, cast

__all__ = ["UNSET", "Client", "RpcError", "Unset"]


class Unset:
    """Stands for an argument that is not given: the function's default holds."""


UNSET = Unset()


class RpcError(Exception):
    """What the daemon answers instead of a result."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


def _listed(method: str, *values: Any) -> List[Any]:
    given: List[Any] = []
    gap = False
    for value in values:
        if isinstance(value, Unset):
            gap = True
        elif gap:
            raise TypeError(f"{method}: by position, an argument needs all those before it")
        else:
            given.append(value)
    return given


def _named(positional: List[Any], values: Dict[str, Any]) -> Dict[str, Any]:
    given = {name: value for name, value in values.items() if not isinstance(value, Unset)}
    return {**given, "*": positional}


class _Connection:
    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._lines = self._socket.makefile("rb")
        self._lock = threading.Lock()
        self._last = 0

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()

    def _call(self, method: str, params: Any = None) -> Any:
        with self._lock:
            self._last += 1
            request = {"jsonrpc": "2.0", "id": self._last, "method": method}
            if params is not None:
                request["params"] = params
            self._socket.sendall(json.dumps(request, allow_nan=False).encode() + b"\n")
            while True:
                line = self._lines.readline()
                if not line:
                    raise ConnectionError("the daemon closed the connection")
                answer = json.loads(line)
                if answer.get("id") == self._last:
                    break
        if "error" in answer:
            error = answer["error"]
            raise RpcError(error["code"], error["message"], error.get("data"))
        return answer["result"]

`

// pythonClient writes one module that needs nothing but the standard library.
// Its name is not the module's, which it would hide.
func pythonClient(m Module) (File, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# "+header+"\n%s\nclass Client(_Connection):\n", plain(m.Name), pythonRuntime)
	methods := reserve(pythonWords, pythonUsed, "close RpcError")
	for _, f := range m.Functions {
		name := identifier(f.Local)
		if strings.HasPrefix(name, "__") {
			name = "x" + name
		}
		pythonFunction(&b, f, methods.take(name))
	}
	return File{identifier(m.Name) + "_client.py", []byte(b.String())}, nil
}

func pythonFunction(b *strings.Builder, f Function, name string) {
	a := f.sorted()
	scope := reserve(pythonWords, pythonUsed)
	locals := map[string]string{}
	take := func(p Param) string {
		name := identifier(p.Name)
		if strings.HasPrefix(name, "_") {
			name = "p" + name // two of them would be the class's own
		}
		locals[p.Name] = scope.take(name)
		return locals[p.Name]
	}
	signature := []string{"self"}
	for _, p := range a.positional {
		signature = append(signature, pythonParam(p, take(p)))
	}
	star := false
	if a.rest != nil {
		item := Schema{}
		if a.rest.Schema.Items != nil {
			item = *a.rest.Schema.Items
		}
		signature = append(signature, "*"+take(*a.rest)+": "+pythonType(item))
		star = true
	}
	for _, p := range a.named {
		if p.Kind == "keyword" && !star {
			signature = append(signature, "*")
			star = true
		}
		signature = append(signature, pythonParam(p, take(p)))
	}
	if a.extra != nil {
		item := Schema{}
		if a.extra.Schema.Additional != nil {
			item = *a.extra.Schema.Additional
		}
		signature = append(signature, "**"+take(*a.extra)+": "+pythonType(item))
	}
	result := pythonType(f.Result)
	b.WriteString("\n" + comment("    ", "# | ", f.Doc))
	fmt.Fprintf(b, "    def %s(%s) -> %s:\n", name, strings.Join(signature, ", "), result)
	call := fmt.Sprintf("self._call(%s%s)", pythonString(f.Wire), pythonParams(f, a, locals))
	if result == "None" {
		fmt.Fprintf(b, "        %s\n", call)
		return
	}
	if result != "Any" {
		call = fmt.Sprintf("cast(%s, %s)", result, call)
	}
	fmt.Fprintf(b, "        return %s\n", call)
}

func pythonParam(p Param, name string) string {
	kind := pythonType(p.Schema)
	if p.Required {
		return name + ": " + kind
	}
	return name + ": Union[" + kind + ", Unset] = UNSET"
}

func pythonParams(f Function, a arguments, locals map[string]string) string {
	if len(f.Params) == 0 {
		return ""
	}
	list := []string{pythonString(f.Wire)}
	for _, p := range a.positional {
		list = append(list, locals[p.Name])
	}
	if a.rest != nil {
		list = append(list, "*"+locals[a.rest.Name])
	}
	positional := "_listed(" + strings.Join(list, ", ") + ")"
	if len(a.named) == 0 && a.extra == nil {
		return ", " + positional
	}
	// As a dict: a parameter may have a name that is none in the source.
	var pairs []string
	if a.extra != nil {
		pairs = append(pairs, "**"+locals[a.extra.Name])
	}
	for _, p := range a.named {
		pairs = append(pairs, pythonString(p.Name)+": "+locals[p.Name])
	}
	return ", _named(" + positional + ", {" + strings.Join(pairs, ", ") + "})"
}

func pythonType(s Schema) string {
	if len(s.AnyOf) > 0 {
		var kinds []string
		for _, choice := range s.AnyOf {
			kinds = append(kinds, pythonType(choice))
		}
		return "Union[" + strings.Join(kinds, ", ") + "]"
	}
	if len(s.Enum) > 0 {
		if s.enumType() == "number" {
			return "float"
		}
		var kinds []string
		for _, value := range s.Enum {
			kinds = append(kinds, pythonLiteral(value))
		}
		return "Literal[" + strings.Join(kinds, ", ") + "]"
	}
	switch s.Type {
	case "integer":
		return "int"
	case "number":
		return "float"
	case "string":
		return "str"
	case "boolean":
		return "bool"
	case "null":
		return "None"
	case "array":
		return pythonArray(s)
	case "object":
		if len(s.Properties) == 0 && s.Additional != nil {
			return "Dict[str, " + pythonType(*s.Additional) + "]"
		}
		return "Dict[str, Any]"
	}
	return "Any"
}

// pythonArray is always a list: what comes back is one, and what is given may be.
func pythonArray(s Schema) string {
	if s.Items != nil {
		return "List[" + pythonType(*s.Items) + "]"
	}
	return "List[Any]"
}

func pythonLiteral(value any) string {
	switch v := value.(type) {
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		return pythonString(v)
	case nil:
		return "None"
	default:
		return tsLiteral(v)
	}
}

// pythonString is a literal in ASCII.
func pythonString(s string) string { return literal(s, "\\U%08x") }
