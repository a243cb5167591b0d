extern "C" __global__ void __launch_bounds__(512, 1)
k_softmax(
    const f32 *__restrict__ b0_x,
    f32 *__restrict__ b1_y,
    i64 n0_x,
    i64 n1_y,
    i64 g0_rows,
    i64 g1_columns,
    int *__restrict__ fault) {
  __shared__ f32 s0[32];
  __shared__ f32 s1[32];
  bool r8 = (u64)b0_x % 16 == 0;
  i64 r9 = op_rem(g1_columns, 4ll);
  bool r10 = op_equal(r9, 0ll);
  bool r11 = op_and(r8, r10);
  i64 r12 = op_rem(g1_columns, 4ll);
  i64 r13 = op_sub(g1_columns, r12);
  i64 r14 = op_select(r11, r13, 0ll);
  bool r47 = (u64)b0_x % 16 == 0;
  bool r48 = (u64)b1_y % 16 == 0;
  i64 r49 = op_rem(g1_columns, 4ll);
  bool r50 = op_equal(r49, 0ll);
  bool r51 = op_and(r47, r48);
  bool r52 = op_and(r51, r50);
  i64 r53 = op_rem(g1_columns, 4ll);
  i64 r54 = op_sub(g1_columns, r53);
  i64 r55 = op_select(r52, r54, 0ll);
  bool r192 = (u64)b1_y % 16 == 0;
  i64 r193 = op_rem(g1_columns, 4ll);
  bool r194 = op_equal(r193, 0ll);
  bool r195 = op_and(r192, r194);
  i64 r196 = op_rem(g1_columns, 4ll);
  i64 r197 = op_sub(g1_columns, r196);
  i64 r198 = op_select(r195, r197, 0ll);
  i64 r2 = threadIdx.x;
  i64 r3 = blockDim.x;
  i64 r4 = blockIdx.x;
  i64 r5 = gridDim.x;
  #pragma unroll 1
  for (i64 r6 = r4; r6 < g0_rows; r6 += r5) {
    f32 r7 = __uint_as_float(0xff800000);
    i64 r15 = op_mul(r2, 4ll);
    i64 r16 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r17 = r15; r17 < r14; r17 += r16) {
      i64 r18 = op_mul(r6, g1_columns);
      i64 r19 = op_add(r18, r17);
      const several<f32, 4> w20 = *(const several<f32, 4> *)(b0_x + r19);
      f32 r20 = load_f32(w20.at[0]);
      f32 r21 = load_f32(w20.at[1]);
      f32 r22 = load_f32(w20.at[2]);
      f32 r23 = load_f32(w20.at[3]);
      r7 = op_max(r7, r20);
      r7 = op_max(r7, r21);
      r7 = op_max(r7, r22);
      r7 = op_max(r7, r23);
    }
    i64 r24 = op_add(r14, r2);
    #pragma unroll 1
    for (i64 r25 = r24; r25 < g1_columns; r25 += r3) {
      i64 r26 = op_mul(r6, g1_columns);
      i64 r27 = op_add(r26, r25);
      const f32 w28 = b0_x[r27];
      f32 r28 = load_f32(w28);
      r7 = op_max(r7, r28);
    }
    f32 r29 = __shfl_xor_sync(0xffffffff, r7, 16);
    f32 r30 = op_max(r7, r29);
    f32 r31 = __shfl_xor_sync(0xffffffff, r30, 8);
    f32 r32 = op_max(r30, r31);
    f32 r33 = __shfl_xor_sync(0xffffffff, r32, 4);
    f32 r34 = op_max(r32, r33);
    f32 r35 = __shfl_xor_sync(0xffffffff, r34, 2);
    f32 r36 = op_max(r34, r35);
    f32 r37 = __shfl_xor_sync(0xffffffff, r36, 1);
    f32 r38 = op_max(r36, r37);
    i64 r39 = op_rem(r2, 32ll);
    bool r40 = op_equal(r39, 0ll);
    if (r40) {
      i64 r41 = op_div(r2, 32ll);
      s0[r41] = r38;
    }
    i64 r42 = op_div(r3, 32ll);
    __syncthreads();
    f32 r43 = s0[0ll];
    #pragma unroll 1
    for (i64 r44 = 1ll; r44 < r42; r44 += 1ll) {
      f32 r45 = s0[r44];
      r43 = op_max(r43, r45);
    }
    f32 r46 = 0.0f;
    i64 r56 = op_mul(r2, 4ll);
    i64 r57 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r58 = r56; r58 < r55; r58 += r57) {
      i64 r59 = op_mul(r6, g1_columns);
      i64 r60 = op_add(r59, r58);
      const several<f32, 4> w61 = *(const several<f32, 4> *)(b0_x + r60);
      f32 r61 = load_f32(w61.at[0]);
      f32 r62 = load_f32(w61.at[1]);
      f32 r63 = load_f32(w61.at[2]);
      f32 r64 = load_f32(w61.at[3]);
      f32 r65 = op_sub(r61, r43);
      f32 r66 = op_sub(r62, r43);
      f32 r67 = op_sub(r63, r43);
      f32 r68 = op_sub(r64, r43);
      f32 r69 = -87.0f;
      f32 r70 = 88.0f;
      f32 r71 = op_max(r65, r69);
      f32 r72 = op_max(r66, r69);
      f32 r73 = op_max(r67, r69);
      f32 r74 = op_max(r68, r69);
      f32 r75 = op_min(r71, r70);
      f32 r76 = op_min(r72, r70);
      f32 r77 = op_min(r73, r70);
      f32 r78 = op_min(r74, r70);
      f32 r79 = 1.442695f;
      f32 r80 = op_mul(r75, r79);
      f32 r81 = op_mul(r76, r79);
      f32 r82 = op_mul(r77, r79);
      f32 r83 = op_mul(r78, r79);
      f32 r84 = op_nearest(r80);
      f32 r85 = op_nearest(r81);
      f32 r86 = op_nearest(r82);
      f32 r87 = op_nearest(r83);
      f32 r88 = -0.6933594f;
      f32 r89 = op_fma(r84, r88, r75);
      f32 r90 = op_fma(r85, r88, r76);
      f32 r91 = op_fma(r86, r88, r77);
      f32 r92 = op_fma(r87, r88, r78);
      f32 r93 = 0.00021219444f;
      f32 r94 = op_fma(r84, r93, r89);
      f32 r95 = op_fma(r85, r93, r90);
      f32 r96 = op_fma(r86, r93, r91);
      f32 r97 = op_fma(r87, r93, r92);
      f32 r98 = 0.00019875691f;
      f32 r99 = 0.0013981999f;
      f32 r100 = op_fma(r98, r94, r99);
      f32 r101 = op_fma(r98, r95, r99);
      f32 r102 = op_fma(r98, r96, r99);
      f32 r103 = op_fma(r98, r97, r99);
      f32 r104 = 0.008333452f;
      f32 r105 = op_fma(r100, r94, r104);
      f32 r106 = op_fma(r101, r95, r104);
      f32 r107 = op_fma(r102, r96, r104);
      f32 r108 = op_fma(r103, r97, r104);
      f32 r109 = 0.041665796f;
      f32 r110 = op_fma(r105, r94, r109);
      f32 r111 = op_fma(r106, r95, r109);
      f32 r112 = op_fma(r107, r96, r109);
      f32 r113 = op_fma(r108, r97, r109);
      f32 r114 = 0.16666666f;
      f32 r115 = op_fma(r110, r94, r114);
      f32 r116 = op_fma(r111, r95, r114);
      f32 r117 = op_fma(r112, r96, r114);
      f32 r118 = op_fma(r113, r97, r114);
      f32 r119 = 0.5f;
      f32 r120 = op_fma(r115, r94, r119);
      f32 r121 = op_fma(r116, r95, r119);
      f32 r122 = op_fma(r117, r96, r119);
      f32 r123 = op_fma(r118, r97, r119);
      f32 r124 = 1.0f;
      f32 r125 = op_fma(r120, r94, r124);
      f32 r126 = op_fma(r121, r95, r124);
      f32 r127 = op_fma(r122, r96, r124);
      f32 r128 = op_fma(r123, r97, r124);
      f32 r129 = 1.0f;
      f32 r130 = op_fma(r125, r94, r129);
      f32 r131 = op_fma(r126, r95, r129);
      f32 r132 = op_fma(r127, r96, r129);
      f32 r133 = op_fma(r128, r97, r129);
      f32 r134 = op_scale2(r130, r84);
      f32 r135 = op_scale2(r131, r85);
      f32 r136 = op_scale2(r132, r86);
      f32 r137 = op_scale2(r133, r87);
      i64 r138 = op_mul(r6, g1_columns);
      i64 r139 = op_add(r138, r58);
      put(&(*(several<f32, 4> *)(b1_y + r139)).all, several<f32, 4>{{store_f32(r134), store_f32(r135), store_f32(r136), store_f32(r137)}}.all);
      r46 = op_add(r46, r134);
      r46 = op_add(r46, r135);
      r46 = op_add(r46, r136);
      r46 = op_add(r46, r137);
    }
    i64 r140 = op_add(r55, r2);
    #pragma unroll 1
    for (i64 r141 = r140; r141 < g1_columns; r141 += r3) {
      i64 r142 = op_mul(r6, g1_columns);
      i64 r143 = op_add(r142, r141);
      const f32 w144 = b0_x[r143];
      f32 r144 = load_f32(w144);
      f32 r145 = op_sub(r144, r43);
      f32 r146 = -87.0f;
      f32 r147 = 88.0f;
      f32 r148 = op_max(r145, r146);
      f32 r149 = op_min(r148, r147);
      f32 r150 = 1.442695f;
      f32 r151 = op_mul(r149, r150);
      f32 r152 = op_nearest(r151);
      f32 r153 = -0.6933594f;
      f32 r154 = op_fma(r152, r153, r149);
      f32 r155 = 0.00021219444f;
      f32 r156 = op_fma(r152, r155, r154);
      f32 r157 = 0.00019875691f;
      f32 r158 = 0.0013981999f;
      f32 r159 = op_fma(r157, r156, r158);
      f32 r160 = 0.008333452f;
      f32 r161 = op_fma(r159, r156, r160);
      f32 r162 = 0.041665796f;
      f32 r163 = op_fma(r161, r156, r162);
      f32 r164 = 0.16666666f;
      f32 r165 = op_fma(r163, r156, r164);
      f32 r166 = 0.5f;
      f32 r167 = op_fma(r165, r156, r166);
      f32 r168 = 1.0f;
      f32 r169 = op_fma(r167, r156, r168);
      f32 r170 = 1.0f;
      f32 r171 = op_fma(r169, r156, r170);
      f32 r172 = op_scale2(r171, r152);
      i64 r173 = op_mul(r6, g1_columns);
      i64 r174 = op_add(r173, r141);
      b1_y[r174] = store_f32(r172);
      r46 = op_add(r46, r172);
    }
    f32 r175 = __shfl_xor_sync(0xffffffff, r46, 16);
    f32 r176 = op_add(r46, r175);
    f32 r177 = __shfl_xor_sync(0xffffffff, r176, 8);
    f32 r178 = op_add(r176, r177);
    f32 r179 = __shfl_xor_sync(0xffffffff, r178, 4);
    f32 r180 = op_add(r178, r179);
    f32 r181 = __shfl_xor_sync(0xffffffff, r180, 2);
    f32 r182 = op_add(r180, r181);
    f32 r183 = __shfl_xor_sync(0xffffffff, r182, 1);
    f32 r184 = op_add(r182, r183);
    i64 r185 = op_rem(r2, 32ll);
    bool r186 = op_equal(r185, 0ll);
    if (r186) {
      i64 r187 = op_div(r2, 32ll);
      s1[r187] = r184;
    }
    i64 r188 = op_div(r3, 32ll);
    __syncthreads();
    f32 r189 = s1[0ll];
    #pragma unroll 1
    for (i64 r190 = 1ll; r190 < r188; r190 += 1ll) {
      f32 r191 = s1[r190];
      r189 = op_add(r189, r191);
    }
    i64 r199 = op_mul(r2, 4ll);
    i64 r200 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r201 = r199; r201 < r198; r201 += r200) {
      i64 r202 = op_mul(r6, g1_columns);
      i64 r203 = op_add(r202, r201);
      const several<f32, 4> w204 = *(several<f32, 4> *)(b1_y + r203);
      f32 r204 = load_f32(w204.at[0]);
      f32 r205 = load_f32(w204.at[1]);
      f32 r206 = load_f32(w204.at[2]);
      f32 r207 = load_f32(w204.at[3]);
      f32 r208 = op_div(r204, r189);
      f32 r209 = op_div(r205, r189);
      f32 r210 = op_div(r206, r189);
      f32 r211 = op_div(r207, r189);
      i64 r212 = op_mul(r6, g1_columns);
      i64 r213 = op_add(r212, r201);
      put(&(*(several<f32, 4> *)(b1_y + r213)).all, several<f32, 4>{{store_f32(r208), store_f32(r209), store_f32(r210), store_f32(r211)}}.all);
    }
    i64 r214 = op_add(r198, r2);
    #pragma unroll 1
    for (i64 r215 = r214; r215 < g1_columns; r215 += r3) {
      i64 r216 = op_mul(r6, g1_columns);
      i64 r217 = op_add(r216, r215);
      const f32 w218 = b1_y[r217];
      f32 r218 = load_f32(w218);
      f32 r219 = op_div(r218, r189);
      i64 r220 = op_mul(r6, g1_columns);
      i64 r221 = op_add(r220, r215);
      b1_y[r221] = store_f32(r219);
    }
  }
}
