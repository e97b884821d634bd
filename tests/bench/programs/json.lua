-- A small JSON encoder and decoder in Lua over generated records.
local N = tonumber(arg[1]) or 60

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }
local function encode(v, out)
	local t = type(v)
	if t == "table" then
		if #v > 0 then
			out[#out + 1] = "["
			for i = 1, #v do
				if i > 1 then
					out[#out + 1] = ","
				end
				encode(v[i], out)
			end
			out[#out + 1] = "]"
		else
			local keys = {}
			for k in pairs(v) do
				keys[#keys + 1] = k
			end
			table.sort(keys)
			out[#out + 1] = "{"
			for i, k in ipairs(keys) do
				out[#out + 1] = (i > 1 and ',"' or '"') .. k .. '":'
				encode(v[k], out)
			end
			out[#out + 1] = "}"
		end
	elseif t == "string" then
		out[#out + 1] = '"' .. v:gsub('["\\\n\t]', escapes) .. '"'
	else
		out[#out + 1] = tostring(v)
	end
end

local decode
local function skip(s, at)
	return s:find("%S", at) or #s + 1
end
local function string_at(s, at)
	local from = at + 1
	local to = from
	while true do
		to = s:find('["\\]', to)
		if s:byte(to) == 34 then
			return (s:sub(from, to - 1):gsub("\\(.)", { n = "\n", t = "\t", ['"'] = '"', ["\\"] = "\\" })), to + 1
		end
		to = to + 2
	end
end
function decode(s, at)
	at = skip(s, at)
	local c = s:sub(at, at)
	if c == "{" then
		local t = {}
		at = skip(s, at + 1)
		while s:sub(at, at) ~= "}" do
			local key
			key, at = string_at(s, at)
			at = skip(s, at) + 1
			t[key], at = decode(s, at)
			at = skip(s, at)
			if s:sub(at, at) == "," then
				at = skip(s, at + 1)
			end
		end
		return t, at + 1
	elseif c == "[" then
		local t = {}
		at = skip(s, at + 1)
		while s:sub(at, at) ~= "]" do
			t[#t + 1], at = decode(s, at)
			at = skip(s, at)
			if s:sub(at, at) == "," then
				at = at + 1
			end
		end
		return t, at + 1
	elseif c == '"' then
		return string_at(s, at)
	elseif s:find("^true", at) then
		return true, at + 4
	elseif s:find("^false", at) then
		return false, at + 5
	end
	local from, to = s:find("^-?[%d.eE+-]+", at)
	return tonumber(s:sub(from, to)), to + 1
end

local records = {}
for i = 1, 700 do
	records[i] = { id = i, name = 'user "' .. i .. '"', tags = { "a", "b\n", "c" .. i }, score = i / 4, active = i % 2 == 0, nested = { x = i, y = { -i, i * 2 } } }
end
local length = 0
for round = 1, N do
	local out = {}
	encode(records, out)
	local text = table.concat(out)
	length = length + #text
	records = decode(text, 1)
end
print(length, records[700].name, records[3].score)
