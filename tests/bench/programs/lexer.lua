-- A lexer by bytes and a stack machine: comparisons in chains, string keys, small arrays.
local N = tonumber(arg[1]) or 550

local source = {}
for i = 1, 300 do
	source[i] = "let v" .. i % 20 .. " = (v" .. (i + 7) % 20 .. " + " .. i .. ") * 3 - v" .. (i + 3) % 20 .. " % 17 ;"
end
source = table.concat(source, "\n")

local byte, sub = string.byte, string.sub
local function lex(text)
	local tokens, n, at, size = {}, 0, 1, #text
	while at <= size do
		local c = byte(text, at)
		if c == 32 or c == 10 then
			at = at + 1
		elseif c >= 97 and c <= 122 then
			local from = at
			repeat
				at = at + 1
				c = byte(text, at)
			until not c or not (c >= 97 and c <= 122 or c >= 48 and c <= 57)
			n = n + 1
			tokens[n] = sub(text, from, at - 1)
		elseif c >= 48 and c <= 57 then
			local v = 0
			while c and c >= 48 and c <= 57 do
				v = v * 10 + c - 48
				at = at + 1
				c = byte(text, at)
			end
			n = n + 1
			tokens[n] = v
		else
			n = n + 1
			tokens[n] = sub(text, at, at)
			at = at + 1
		end
	end
	return tokens, n
end

local priority = { ["+"] = 1, ["-"] = 1, ["*"] = 2, ["%"] = 2 }
local apply = {
	["+"] = function(a, b) return a + b end,
	["-"] = function(a, b) return a - b end,
	["*"] = function(a, b) return a * b & 0xffffff end,
	["%"] = function(a, b) return a % b end,
}
local function run(tokens, n, variables)
	local at = 1
	while at <= n do
		local target = tokens[at + 1]
		at = at + 3
		local values, operators, nv, no = {}, {}, 0, 0
		local function reduce()
			values[nv - 1] = apply[operators[no]](values[nv - 1], values[nv])
			nv, no = nv - 1, no - 1
		end
		while tokens[at] ~= ";" do
			local t = tokens[at]
			if t == "(" then
				no = no + 1
				operators[no] = t
			elseif t == ")" then
				while operators[no] ~= "(" do
					reduce()
				end
				no = no - 1
			elseif priority[t] then
				while no > 0 and operators[no] ~= "(" and priority[operators[no]] >= priority[t] do
					reduce()
				end
				no = no + 1
				operators[no] = t
			else
				nv = nv + 1
				values[nv] = type(t) == "number" and t or variables[t] or 1
			end
			at = at + 1
		end
		while no > 0 do
			reduce()
		end
		variables[target] = values[1]
		at = at + 1
	end
end

local variables = {}
for i = 1, N do
	local tokens, n = lex(source)
	run(tokens, n, variables)
end
print(variables.v0, variables.v7, variables.v19)
