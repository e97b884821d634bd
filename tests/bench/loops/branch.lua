-- Two ways through a loop: the second is a bridge.
local s = 0
for i = 1, 5e7 do
	if i % 3 == 0 then
		s = s + 1
	else
		s = s + 2
	end
end
print(string.format("%.0f", s))
