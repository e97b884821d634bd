-- Building strings: concatenation, table.concat, rep, sub, byte, char, upper.
local N = tonumber(arg[1]) or 550000

local parts = {}
for i = 1, N do
	parts[#parts + 1] = "item " .. i .. " of " .. N .. ";"
end
local text = table.concat(parts, "\n")

local hash = 0
for i = 1, #text, 7 do
	hash = (hash * 31 + text:byte(i)) & 0xffffffff
end

local piece = ""
for i = 1, 4000 do
	piece = piece .. string.char(97 + i % 26)
end

local words = {}
for i = 1, N do
	local at = i % 3900 + 1
	words[i] = piece:sub(at, at + i % 11)
end
local seen, distinct = {}, 0
for i = 1, N do
	local w = words[i]
	if not seen[w] then
		seen[w] = true
		distinct = distinct + 1
	end
	if i % 8 == 0 then
		hash = (hash + #w:upper():rep(3, "-")) & 0xffffffff
	end
end
print(#text, hash, distinct)
