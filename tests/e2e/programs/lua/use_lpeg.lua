-- lpeg: a calculator, a CSV reader, a grammar with captures of all kinds, re, errors from within.
local lpeg, re = require("lpeg"), require("re")
local P, R, S, V, C, Ct, Cc, Cg, Cb, Cf, Cs, Cmt, Cp, Carg = lpeg.P, lpeg.R, lpeg.S, lpeg.V, lpeg.C, lpeg.Ct, lpeg.Cc, lpeg.Cg, lpeg.Cb, lpeg.Cf, lpeg.Cs, lpeg.Cmt, lpeg.Cp, lpeg.Carg

local space = S(" \n\t") ^ 0
local number = C(P("-") ^ -1 * R("09") ^ 1 * (P(".") * R("09") ^ 1) ^ -1) / tonumber * space
local function fold(a, op, b)
	if op == "+" then return a + b elseif op == "-" then return a - b elseif op == "*" then return a * b elseif op == "/" then return a / b end
	return a ^ b
end
local calculator = P({
	"expression",
	expression = Cf(V("term") * Cg(C(S("+-")) * space * V("term")) ^ 0, fold),
	term = Cf(V("power") * Cg(C(S("*/")) * space * V("power")) ^ 0, fold),
	power = V("factor") * (C("^") * space * V("power")) ^ -1 / function(a, op, b) return op and fold(a, op, b) or a end,
	factor = number + P("(") * space * V("expression") * P(")") * space,
}) * -1
for _, e in ipairs({ "1 + 2 * 3", "(1 + 2) * 3", "2 ^ 3 ^ 2", "10 / 4 - -1", "1 +", "((((7))))", "-3.5 * 2" }) do
	print(e, calculator:match(space.match and e or e))
end

local field = P('"') * Cs(((P(1) - '"') + P('""') / '"') ^ 0) * '"' + C((1 - S(',\n"')) ^ 0)
local record = Ct(field * (P(",") * field) ^ 0) * P("\n")
local rows = Ct((record - P(-1)) ^ 0):match('a,b,"c ""quoted"""\n1,,3\n"multi\nline",x,y\n')
for i, r in ipairs(rows) do print(i, #r, table.concat(r, "|")) end

local words = Ct(Cg(Cp(), "at") * Cg(C(R("az") ^ 1), "word") * Cc("const") * Carg(1) * Cmt(Cb("word"), function(s, i, w) return #w > 2, w:upper() end))
for _, s in ipairs({ "hello", "ab" }) do local t = words:match(s, 1, "extra") print(t and t.at, t and t.word, t and table.concat(t, ",")) end
local long = Ct(C(S("ab") ^ 1 * #P("c") * "c") ^ 0):match(("abc"):rep(5000)) print(#long, long[5000])
print(lpeg.match(Cs((P("x") / "y" + 1) ^ 0), ("ax"):rep(1000)):sub(1, 10), lpeg.type(P(1)), lpeg.type(1), tostring(lpeg.version()):match("%d"))
print(re.match("key = value", "{| {:k: %w+ :} ' '* '=' ' '* {:v: %w+ :} |}").v, re.gsub("hello world", "[aeiou]", "."), re.find("the number 423 is odd", "[0-9]+"))
local grammar = re.compile([[
	json <- space value !.
	value <- object / array / string / number / { 'true' / 'false' / 'null' } space
	object <- {| '{' space (pair (',' space pair)*)? '}' space |}
	pair <- {| string ':' space value |}
	array <- {| '[' space (value (',' space value)*)? ']' space |}
	string <- '"' { ('\' . / [^"])* } '"' space
	number <- { '-'? [0-9]+ ('.' [0-9]+)? } space
	space <- %s*
]])
local function show(v) if type(v) ~= "table" then return tostring(v) end local out = {} for i, x in ipairs(v) do out[i] = show(x) end return "(" .. table.concat(out, " ") .. ")" end
print(show(grammar:match('{"a": [1, 2.5, {"b": null}], "c": "str\\"x", "d": true}')), grammar:match("{bad"))
print(pcall(lpeg.P, {})) print(pcall(P, { V("x"), x = V("x") })) print(pcall(re.compile, "<-")) print(pcall(lpeg.match, P(1) / function() error("from a capture", 0) end, "x")) print(pcall(lpeg.match, "x" * V(1), "x"))
local co = coroutine.wrap(function() return pcall(lpeg.match, P(1) / function() coroutine.yield(1) end, "x") end) print(co())
for i = 1, 200 do local p = P("a") ^ 1 * R("az") * S("xyz" .. i) collectgarbage("step") end collectgarbage() print(calculator:match("1+1"))
