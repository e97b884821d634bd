-- Objects with classes: method calls, inheritance two deep, fields read and written.
local N = tonumber(arg[1]) or 5500000

local Shape = {}
Shape.__index = Shape
function Shape.new(class, size)
	return setmetatable({ size = size, count = 0 }, class)
end
function Shape:area()
	return 0
end
function Shape:touch()
	self.count = self.count + 1
	return self.count
end

local Square = setmetatable({}, { __index = Shape })
Square.__index = Square
function Square:area()
	return self.size * self.size
end

local Circle = setmetatable({}, { __index = Shape })
Circle.__index = Circle
function Circle:area()
	return 3 * self.size * self.size
end

local shapes = { Shape.new(Square, 3), Shape.new(Circle, 2), Shape.new(Square, 5), Shape.new(Shape, 9) }
local total = 0
for i = 1, N do
	local s = shapes[i % 4 + 1]
	total = total + s:area() + s:touch()
	if i % 1000 == 0 then
		s.size = s.size % 10 + 1
	end
end
print(total)
