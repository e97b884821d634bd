-- A specification for busted, which itself is most of the test: a large program in Lua.
describe("a stack", function()
	local stack
	before_each(function() stack = {} end)
	it("is empty at first", function() assert.are.equal(0, #stack) end)
	it("pushes and pops", function() table.insert(stack, 1) table.insert(stack, 2) assert.equal(2, table.remove(stack)) assert.same({ 1 }, stack) end)
	it("fails visibly", function() assert.same({ 1, 2 }, { 1, 3 }) end)
	it("has errors", function() error("thrown in a test") end)
	pending("is not finished")
	describe("inside", function()
		local s
		setup(function() s = spy.new(function(...) return select("#", ...) end) end)
		it("spies", function() assert.equal(3, s(1, nil, 3)) assert.spy(s).was_called_with(1, nil, 3) end)
		it("works in coroutines", function() local co = coroutine.wrap(function() coroutine.yield(1) assert.is_true(true) end) co() co() end)
	end)
end)
