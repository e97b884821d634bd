-- A plain numeric loop of floats.
local s, x = 0, 0.5
for i = 1, 2e8 do
	s = s + x
	x = x + 0.25
end
print(s, x)
