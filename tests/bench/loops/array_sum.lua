-- A plain loop over an array.
local t = {}
for i = 1, 10000 do
	t[i] = i * 0.5
end
local s = 0
for round = 1, 20000 do
	for i = 1, #t do
		s = s + t[i]
	end
end
print(string.format("%.0f", s))
