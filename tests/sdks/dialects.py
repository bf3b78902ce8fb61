"""How the scripted provider says its answers, and reads what it is asked, in each dialect."""

import json
from dataclasses import dataclass

# Input (the cached part included), of it cached, output.
USAGE = (14, 3, 7)


@dataclass
class Text:
    pieces: list


@dataclass
class Think:
    pieces: list
    signature: str


@dataclass
class Tool:
    id: str
    name: str
    pieces: list


def of(path):
    return Messages if "/messages" in path else Responses if path.endswith("/responses") else Chat


def tools(body):
    """Names of the tools that a request offers."""
    return [tool.get("name") or tool.get("function", {}).get("name") for tool in body.get("tools") or []]


def results(body):
    """What tools gave back, as texts."""
    found = []
    for turn in body.get("messages") or (body["input"] if isinstance(body.get("input"), list) else []):
        if turn.get("type") == "function_call_output":
            found.append(plain(turn["output"]))
        elif turn.get("role") == "tool":
            found.append(plain(turn["content"]))
        elif isinstance(turn.get("content"), list):
            found += [plain(part.get("content", "")) for part in turn["content"] if part.get("type") == "tool_result"]
    return found


def plain(content):
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def said(parts):
    return "".join("".join(part.pieces) for part in parts if isinstance(part, Text))


def data(value, event=None):
    line = f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
    return f"event: {event}\n{line}" if event else line


class Chat:
    """OpenAI's chat completions."""

    ERRORS = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}

    @classmethod
    def error(cls, status, message):
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": cls.ERRORS.get(status)}}

    @classmethod
    def broken(cls, message):
        return data(cls.error(500, message))

    @staticmethod
    def usage():
        whole, cached, out = USAGE
        details = {"prompt_tokens_details": {"cached_tokens": cached}}
        return {"prompt_tokens": whole, "completion_tokens": out, "total_tokens": whole + out, **details}

    @staticmethod
    def finish(parts):
        return "tool_calls" if any(isinstance(part, Tool) for part in parts) else "stop"

    @classmethod
    def whole(cls, model, parts):
        calls = [
            {"id": p.id, "type": "function", "function": {"name": p.name, "arguments": "".join(p.pieces)}}
            for p in parts
            if isinstance(p, Tool)
        ]
        message = {"role": "assistant", "content": said(parts) or None, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": cls.finish(parts), "logprobs": None}
        about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
        return {**about, "choices": [choice], "usage": cls.usage(), "x_unknown": {"kept": True}}

    @classmethod
    def stream(cls, model, parts, body):
        def chunk(choices, **more):
            about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
            return data({**about, "choices": choices, **more})

        def delta(value, finish=None):
            return chunk([{"index": 0, "delta": value, "finish_reason": finish}])

        yield delta({"role": "assistant", "content": ""})
        calls = 0
        for part in parts:
            if isinstance(part, Text):
                yield from (delta({"content": piece}) for piece in part.pieces)
            elif isinstance(part, Tool):
                first = {"index": calls, "id": part.id, "type": "function", "function": {"name": part.name, "arguments": ""}}
                yield delta({"tool_calls": [first]})
                for piece in part.pieces:
                    yield delta({"tool_calls": [{"index": calls, "function": {"arguments": piece}}]})
                calls += 1
        yield delta({}, cls.finish(parts))
        if (body.get("stream_options") or {}).get("include_usage"):
            yield chunk([], usage=cls.usage())
        yield "data: [DONE]\n\n"


class Responses:
    """OpenAI's responses."""

    error = Chat.error

    @staticmethod
    def broken(message):
        return data({"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 99}, "error")

    @staticmethod
    def item(n, part):
        if isinstance(part, Tool):
            call = {"call_id": part.id, "name": part.name, "arguments": "".join(part.pieces)}
            return {"id": f"fc_{n}", "type": "function_call", "status": "completed", **call}
        text = {"type": "output_text", "text": "".join(part.pieces), "annotations": []}
        return {"id": f"msg_{n}", "type": "message", "role": "assistant", "status": "completed", "content": [text]}

    @classmethod
    def whole(cls, model, parts, status="completed"):
        whole, cached, out = USAGE
        usage = {
            "input_tokens": whole,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": whole + out,
        }
        done = status == "completed"
        items = [cls.item(n, part) for n, part in enumerate(p for p in parts if not isinstance(p, Think))]
        about = {"id": "resp_1", "object": "response", "created_at": 1, "model": model, "status": status}
        fixed = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None}
        return {**about, **fixed, "output": items if done else [], "usage": usage if done else None}

    @classmethod
    def stream(cls, model, parts, _body):
        number = iter(range(1000))

        def event(kind, **fields):
            return data({"type": kind, "sequence_number": next(number), **fields}, kind)

        yield event("response.created", response=cls.whole(model, parts, "in_progress"))
        yield event("response.in_progress", response=cls.whole(model, parts, "in_progress"))
        for n, part in enumerate(p for p in parts if not isinstance(p, Think)):
            item, whole = cls.item(n, part), "".join(part.pieces)
            at = {"item_id": item["id"], "output_index": n}
            if isinstance(part, Tool):
                yield event("response.output_item.added", output_index=n, item={**item, "status": "in_progress", "arguments": ""})
                for piece in part.pieces:
                    yield event("response.function_call_arguments.delta", **at, delta=piece)
                yield event("response.function_call_arguments.done", **at, name=part.name, arguments=whole)
            else:
                yield event("response.output_item.added", output_index=n, item={**item, "status": "in_progress", "content": []})
                at["content_index"] = 0
                empty = {"type": "output_text", "text": "", "annotations": []}
                yield event("response.content_part.added", **at, part=empty)
                for piece in part.pieces:
                    yield event("response.output_text.delta", **at, delta=piece, logprobs=[])
                yield event("response.output_text.done", **at, text=whole, logprobs=[])
                yield event("response.content_part.done", **at, part=item["content"][0])
            yield event("response.output_item.done", output_index=n, item=item)
        yield event("response.completed", response=cls.whole(model, parts))


class Messages:
    """Anthropic's messages."""

    ERRORS = {
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    @classmethod
    def error(cls, status, message):
        kind = cls.ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_upstream"}

    @classmethod
    def broken(cls, message):
        return data(cls.error(529, message), "error")

    @staticmethod
    def usage(out):
        whole, cached, _ = USAGE
        return {"input_tokens": whole - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0, "output_tokens": out}

    @staticmethod
    def stop(parts):
        return "tool_use" if any(isinstance(part, Tool) for part in parts) else "end_turn"

    @classmethod
    def block(cls, part):
        whole = "".join(part.pieces)
        if isinstance(part, Tool):
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": json.loads(whole)}
        if isinstance(part, Think):
            return {"type": "thinking", "thinking": whole, "signature": part.signature}
        return {"type": "text", "text": whole}

    @classmethod
    def whole(cls, model, parts):
        about = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
        content = [cls.block(part) for part in parts]
        ends = {"stop_reason": cls.stop(parts), "stop_sequence": None}
        return {**about, "content": content, **ends, "usage": cls.usage(USAGE[2]), "x_unknown": {"kept": True}}

    @classmethod
    def stream(cls, model, parts, _body):
        def event(kind, **fields):
            return data({"type": kind, **fields}, kind)

        begun = {**cls.whole(model, []), "stop_reason": None, "usage": cls.usage(1)}
        yield event("message_start", message=begun)
        yield event("ping")
        for n, part in enumerate(parts):
            block = cls.block(part)
            if isinstance(part, Tool):
                yield event("content_block_start", index=n, content_block={**block, "input": {}})
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in part.pieces]
            elif isinstance(part, Think):
                yield event("content_block_start", index=n, content_block={**block, "thinking": "", "signature": ""})
                deltas = [{"type": "thinking_delta", "thinking": piece} for piece in part.pieces]
                deltas.append({"type": "signature_delta", "signature": part.signature})
            else:
                yield event("content_block_start", index=n, content_block={"type": "text", "text": ""})
                deltas = [{"type": "text_delta", "text": piece} for piece in part.pieces]
            for delta in deltas:
                yield event("content_block_delta", index=n, delta=delta)
            yield event("content_block_stop", index=n)
        yield event("message_delta", delta={"stop_reason": cls.stop(parts), "stop_sequence": None}, usage={"output_tokens": USAGE[2]})
        yield event("message_stop")
