package bind

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

const (
	tsWords = "abstract any arguments as async await boolean break case catch class const constructor continue debugger declare default delete do else enum eval export extends false finally for from function get if implements import in instanceof interface is keyof let module namespace never new null number object of package private protected public readonly require return set static string super switch symbol this throw true try type typeof undefined unique unknown var void while with yield"
	tsUsed  = "options positional named connection call"
)

// tsRuntime is the connection: requests are pipelined, answers come by their ids.
const tsRuntime = `import * as net from "node:net";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What the daemon answers instead of a result. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

interface Answer {
  id?: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

/** A connection to the daemon's socket; numbers are JavaScript's, exact to 53 bits. */
export class Connection {
  private readonly socket: net.Socket;
  private readonly waiting = new Map<number, Waiting>();
  private chunks: string[] = [];
  private last = 0;
  private ended: Error | undefined;

  constructor(path: string) {
    this.socket = net.createConnection(path);
    this.socket.setEncoding("utf8");
    this.socket.on("data", (chunk) => this.read(String(chunk)));
    this.socket.on("error", (error) => this.fail(error));
    this.socket.on("close", () => this.fail(new Error("the connection is closed")));
  }

  call(method: string, params?: unknown): Promise<unknown> {
    if (this.ended !== undefined) {
      return Promise.reject(this.ended);
    }
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.socket.write(JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n");
    });
  }

  close(): void {
    this.socket.end();
  }

  private read(chunk: string): void {
    const lines = chunk.split("\n");
    for (let i = 0; i < lines.length - 1; i++) {
      const line = this.chunks.join("") + (lines[i] ?? "");
      this.chunks = [];
      this.answer(JSON.parse(line) as Answer);
    }
    this.chunks.push(lines[lines.length - 1] ?? "");
  }

  private answer(answer: Answer): void {
    if (typeof answer.id !== "number") {
      return;
    }
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.error !== undefined) {
      waiting?.reject(new RpcError(answer.error.code, answer.error.message, answer.error.data));
    } else {
      waiting?.resolve(answer.result);
    }
  }

  private fail(error: Error): void {
    this.ended ??= error;
    for (const one of this.waiting.values()) {
      one.reject(this.ended);
    }
    this.waiting.clear();
  }
}

/** Arguments by position; a gap before one that is given cannot be sent. */
function listed(method: string, values: readonly unknown[]): unknown[] {
  let end = values.length;
  while (end > 0 && values[end - 1] === undefined) {
    end--;
  }
  const given = values.slice(0, end);
  if (given.some((value) => value === undefined)) {
    throw new TypeError(method + ": an argument by position cannot be given without those before it");
  }
  return given;
}
`

// tsClient writes one module that needs nothing but node.
func tsClient(m Module) (File, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// "+header+"\n\n%s\n", plain(m.Name), tsRuntime)
	fmt.Fprintf(&b, "/** Calls the functions of %s. */\nexport class Client {\n  constructor(readonly connection: Connection) {}\n", identifier(m.Name))
	methods := reserve("constructor connection")
	for _, f := range m.Functions {
		tsFunction(&b, f, methods.take(identifier(f.Local)))
	}
	b.WriteString("}\n")
	return File{identifier(m.Name) + ".ts", []byte(b.String())}, nil
}

func tsFunction(b *strings.Builder, f Function, name string) {
	a := f.sorted()
	scope := reserve(tsWords, tsUsed)
	locals := map[string]string{}
	var signature []string
	add := func(p Param, key string) {
		locals[key] = scope.take(identifier(p.Name))
	}
	for _, p := range a.required() {
		add(p, p.Name)
		signature = append(signature, locals[p.Name]+": "+tsType(p.Schema))
	}
	if a.rest != nil {
		add(*a.rest, "*")
		signature = append(signature, locals["*"]+": "+tsType(a.rest.Schema)+" = []")
	}
	if a.extra != nil {
		add(*a.extra, "**")
		signature = append(signature, locals["**"]+": "+tsType(a.extra.Schema)+" = {}")
	}
	if options := a.options(); len(options) > 0 {
		var fields []string
		for _, p := range options {
			fields = append(fields, tsString(p.Name)+"?: "+tsType(p.Schema)+" | undefined")
		}
		signature = append(signature, "options: { "+strings.Join(fields, "; ")+" } = {}")
	}
	result := tsType(f.Result)
	if f.Result.Type == "null" {
		result = "null"
	}
	b.WriteString("\n" + comment("  ", "// | ", f.Doc))
	fmt.Fprintf(b, "  async %s(%s): Promise<%s> {\n", name, strings.Join(signature, ", "), result)
	params := ""
	if len(f.Params) > 0 {
		params = ", " + tsParams(b, f, a, locals)
	}
	fmt.Fprintf(b, "    return (await this.connection.call(%s%s)) as %s;\n  }\n", tsString(f.Wire), params, result)
}

// tsParams writes the statements that collect the arguments, and gives the
// expression of them all. What is undefined is not in the JSON.
func tsParams(b *strings.Builder, f Function, a arguments, locals map[string]string) string {
	var positional []string
	for _, p := range a.positional {
		if p.Required {
			positional = append(positional, locals[p.Name])
		} else {
			positional = append(positional, "options["+tsString(p.Name)+"]")
		}
	}
	if a.rest != nil {
		positional = append(positional, "..."+locals["*"])
	}
	list := "listed(" + tsString(f.Wire) + ", [" + strings.Join(positional, ", ") + "])"
	if len(a.named) == 0 && a.extra == nil {
		return list
	}
	fmt.Fprintf(b, "    const positional = %s;\n", list)
	var named []string
	if a.extra != nil {
		named = append(named, "..."+locals["**"])
	}
	for _, p := range a.named {
		value := locals[p.Name]
		if !p.Required {
			value = "options[" + tsString(p.Name) + "]"
		}
		named = append(named, "["+tsString(p.Name)+"]: "+value)
	}
	return "{ " + strings.Join(append(named, `"*": positional`), ", ") + " }"
}

func tsType(s Schema) string {
	if len(s.AnyOf) > 0 {
		var kinds []string
		for _, choice := range s.AnyOf {
			kinds = append(kinds, tsType(choice))
		}
		return "(" + strings.Join(kinds, " | ") + ")"
	}
	if len(s.Enum) > 0 {
		var kinds []string
		for _, value := range s.Enum {
			kinds = append(kinds, tsLiteral(value))
		}
		return "(" + strings.Join(kinds, " | ") + ")"
	}
	switch s.Type {
	case "integer", "number":
		return "number"
	case "string", "boolean", "null":
		return s.Type
	case "array":
		return tsArray(s)
	case "object":
		if len(s.Properties) > 0 {
			var fields []string
			for _, p := range s.Properties {
				optional := map[bool]string{false: "?", true: ""}[p.Required]
				fields = append(fields, tsString(p.Name)+optional+": "+tsType(p.Schema))
			}
			return "{ " + strings.Join(fields, "; ") + " }"
		}
		if s.Additional != nil {
			return "Record<string, " + tsType(*s.Additional) + ">"
		}
		return "Record<string, Json>"
	}
	return "Json"
}

func tsArray(s Schema) string {
	switch {
	case s.IsFixed:
		var kinds []string
		for _, item := range s.Fixed {
			kinds = append(kinds, tsType(item))
		}
		return "[" + strings.Join(kinds, ", ") + "]"
	case s.Items != nil:
		return "Array<" + tsType(*s.Items) + ">"
	}
	return "Json[]"
}

// tsString is a literal in ASCII: JSON's escapes are JavaScript's.
func tsString(s string) string { return literal(s, "") }

// literal writes a text in quotes with JSON's escapes; what is beyond 16 bits
// takes a pair of them, or the form that is given.
func literal(s, beyond string) string {
	var b strings.Builder
	raw, _ := json.Marshal(s) // a string always marshals
	for _, r := range string(raw) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, "\\u%04x", r)
		case beyond != "":
			fmt.Fprintf(&b, beyond, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		}
	}
	return b.String()
}

func tsLiteral(value any) string {
	switch v := value.(type) {
	case string:
		return tsString(v)
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return v.String()
	}
	return "null"
}
