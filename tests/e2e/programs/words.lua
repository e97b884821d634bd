-- Strings and tables with many branches: side traces, and some aborts.
local seed = 42
local function random(n)
	seed = (seed * 16807) % 2147483647
	return seed % n + 1
end

local syllables = { "ka", "ro", "mi", "te", "su", "no", "ha", "li", "ve", "po" }

local function word()
	local parts = {}
	for i = 1, random(4) do
		parts[i] = syllables[random(#syllables)]
	end
	return table.concat(parts)
end

local count, order, kinds = {}, {}, { short = 0, vowel = 0, twice = 0, long = 0 }

local function classify(w)
	local n = #w
	if n == 2 then
		kinds.short = kinds.short + 1
	elseif w:sub(1, 2) == w:sub(3, 4) then
		kinds.twice = kinds.twice + 1
	elseif n > 6 then
		kinds.long = kinds.long + 1
	else
		local b = w:byte(n)
		if b == 97 or b == 101 or b == 105 then
			kinds.vowel = kinds.vowel + 1
		end
	end
end

for _ = 1, tonumber(arg and arg[1]) or 2000000 do
	local w = word()
	if count[w] then
		count[w] = count[w] + 1
	else
		count[w] = 1
		order[#order + 1] = w
	end
	classify(w)
end

table.sort(order, function(a, b)
	if count[a] ~= count[b] then
		return count[a] > count[b]
	end
	return a < b
end)
for i = 1, 5 do
	print(order[i], count[order[i]])
end
print(kinds.short, kinds.vowel, kinds.twice, kinds.long)
