extern "C" __global__ void __launch_bounds__(512, 1)
k_swiglu(
    const f32 *__restrict__ b0_gate,
    const f32 *__restrict__ b1_up,
    f32 *__restrict__ b2_y,
    i64 n0_gate,
    i64 n1_up,
    i64 n2_y,
    i64 g0_rows,
    i64 g1_columns,
    i64 g2_gate_row,
    i64 g3_up_row,
    int *__restrict__ fault) {
  bool r11 = (u64)b0_gate % 16 == 0;
  bool r12 = (u64)b1_up % 16 == 0;
  bool r13 = (u64)b2_y % 16 == 0;
  i64 r14 = op_rem(g1_columns, 4ll);
  bool r15 = op_equal(r14, 0ll);
  i64 r16 = op_rem(g2_gate_row, 4ll);
  bool r17 = op_equal(r16, 0ll);
  i64 r18 = op_rem(g3_up_row, 4ll);
  bool r19 = op_equal(r18, 0ll);
  bool r20 = op_and(r11, r12);
  bool r21 = op_and(r20, r13);
  bool r22 = op_and(r21, r15);
  bool r23 = op_and(r22, r17);
  bool r24 = op_and(r23, r19);
  i64 r25 = op_rem(g1_columns, 4ll);
  i64 r26 = op_sub(g1_columns, r25);
  i64 r27 = op_select(r24, r26, 0ll);
  i64 r4 = threadIdx.x;
  i64 r5 = blockDim.x;
  i64 r6 = blockIdx.x;
  i64 r7 = gridDim.x;
  i64 r8 = op_mul(r6, r5);
  i64 r9 = op_add(r8, r4);
  i64 r10 = op_mul(r7, r5);
  i64 r28 = op_div(r27, 4ll);
  i64 r29 = op_max(g0_rows, 0ll);
  i64 r30 = op_max(r28, 0ll);
  i64 r31 = op_mul(r29, r30);
  #pragma unroll 1
  for (i64 r32 = r9; r32 < r31; r32 += r10) {
    i64 r33 = r32 / r30;
    i64 r34 = r32 - r33 * r30;
    i64 r35 = op_mul(r34, 4ll);
    i64 r36 = op_mul(r33, g2_gate_row);
    i64 r37 = op_add(r36, r35);
    const several<f32, 4> w38 = *(const several<f32, 4> *)(b0_gate + r37);
    f32 r38 = load_f32(w38.at[0]);
    f32 r39 = load_f32(w38.at[1]);
    f32 r40 = load_f32(w38.at[2]);
    f32 r41 = load_f32(w38.at[3]);
    i64 r42 = op_mul(r33, g3_up_row);
    i64 r43 = op_add(r42, r35);
    const several<f32, 4> w44 = *(const several<f32, 4> *)(b1_up + r43);
    f32 r44 = load_f32(w44.at[0]);
    f32 r45 = load_f32(w44.at[1]);
    f32 r46 = load_f32(w44.at[2]);
    f32 r47 = load_f32(w44.at[3]);
    f32 r48 = op_neg(r38);
    f32 r49 = op_neg(r39);
    f32 r50 = op_neg(r40);
    f32 r51 = op_neg(r41);
    f32 r52 = -87.0f;
    f32 r53 = 88.0f;
    f32 r54 = op_max(r48, r52);
    f32 r55 = op_max(r49, r52);
    f32 r56 = op_max(r50, r52);
    f32 r57 = op_max(r51, r52);
    f32 r58 = op_min(r54, r53);
    f32 r59 = op_min(r55, r53);
    f32 r60 = op_min(r56, r53);
    f32 r61 = op_min(r57, r53);
    f32 r62 = 1.442695f;
    f32 r63 = op_mul(r58, r62);
    f32 r64 = op_mul(r59, r62);
    f32 r65 = op_mul(r60, r62);
    f32 r66 = op_mul(r61, r62);
    f32 r67 = op_nearest(r63);
    f32 r68 = op_nearest(r64);
    f32 r69 = op_nearest(r65);
    f32 r70 = op_nearest(r66);
    f32 r71 = -0.6933594f;
    f32 r72 = op_fma(r67, r71, r58);
    f32 r73 = op_fma(r68, r71, r59);
    f32 r74 = op_fma(r69, r71, r60);
    f32 r75 = op_fma(r70, r71, r61);
    f32 r76 = 0.00021219444f;
    f32 r77 = op_fma(r67, r76, r72);
    f32 r78 = op_fma(r68, r76, r73);
    f32 r79 = op_fma(r69, r76, r74);
    f32 r80 = op_fma(r70, r76, r75);
    f32 r81 = 0.00019875691f;
    f32 r82 = 0.0013981999f;
    f32 r83 = op_fma(r81, r77, r82);
    f32 r84 = op_fma(r81, r78, r82);
    f32 r85 = op_fma(r81, r79, r82);
    f32 r86 = op_fma(r81, r80, r82);
    f32 r87 = 0.008333452f;
    f32 r88 = op_fma(r83, r77, r87);
    f32 r89 = op_fma(r84, r78, r87);
    f32 r90 = op_fma(r85, r79, r87);
    f32 r91 = op_fma(r86, r80, r87);
    f32 r92 = 0.041665796f;
    f32 r93 = op_fma(r88, r77, r92);
    f32 r94 = op_fma(r89, r78, r92);
    f32 r95 = op_fma(r90, r79, r92);
    f32 r96 = op_fma(r91, r80, r92);
    f32 r97 = 0.16666666f;
    f32 r98 = op_fma(r93, r77, r97);
    f32 r99 = op_fma(r94, r78, r97);
    f32 r100 = op_fma(r95, r79, r97);
    f32 r101 = op_fma(r96, r80, r97);
    f32 r102 = 0.5f;
    f32 r103 = op_fma(r98, r77, r102);
    f32 r104 = op_fma(r99, r78, r102);
    f32 r105 = op_fma(r100, r79, r102);
    f32 r106 = op_fma(r101, r80, r102);
    f32 r107 = 1.0f;
    f32 r108 = op_fma(r103, r77, r107);
    f32 r109 = op_fma(r104, r78, r107);
    f32 r110 = op_fma(r105, r79, r107);
    f32 r111 = op_fma(r106, r80, r107);
    f32 r112 = 1.0f;
    f32 r113 = op_fma(r108, r77, r112);
    f32 r114 = op_fma(r109, r78, r112);
    f32 r115 = op_fma(r110, r79, r112);
    f32 r116 = op_fma(r111, r80, r112);
    f32 r117 = op_scale2(r113, r67);
    f32 r118 = op_scale2(r114, r68);
    f32 r119 = op_scale2(r115, r69);
    f32 r120 = op_scale2(r116, r70);
    f32 r121 = 1.0f;
    f32 r122 = op_add(r121, r117);
    f32 r123 = op_add(r121, r118);
    f32 r124 = op_add(r121, r119);
    f32 r125 = op_add(r121, r120);
    f32 r126 = op_div(r121, r122);
    f32 r127 = op_div(r121, r123);
    f32 r128 = op_div(r121, r124);
    f32 r129 = op_div(r121, r125);
    f32 r130 = op_mul(r38, r126);
    f32 r131 = op_mul(r39, r127);
    f32 r132 = op_mul(r40, r128);
    f32 r133 = op_mul(r41, r129);
    f32 r134 = op_mul(r130, r44);
    f32 r135 = op_mul(r131, r45);
    f32 r136 = op_mul(r132, r46);
    f32 r137 = op_mul(r133, r47);
    i64 r138 = op_mul(r33, g1_columns);
    i64 r139 = op_add(r138, r35);
    put(&(*(several<f32, 4> *)(b2_y + r139)).all, several<f32, 4>{{store_f32(r134), store_f32(r135), store_f32(r136), store_f32(r137)}}.all);
  }
  i64 r140 = op_sub(g1_columns, r27);
  i64 r141 = op_max(g0_rows, 0ll);
  i64 r142 = op_max(r140, 0ll);
  i64 r143 = op_mul(r141, r142);
  #pragma unroll 1
  for (i64 r144 = r9; r144 < r143; r144 += r10) {
    i64 r145 = r144 / r142;
    i64 r146 = r144 - r145 * r142;
    i64 r147 = op_add(r146, r27);
    i64 r148 = op_mul(r145, g2_gate_row);
    i64 r149 = op_add(r148, r147);
    const f32 w150 = b0_gate[r149];
    f32 r150 = load_f32(w150);
    i64 r151 = op_mul(r145, g3_up_row);
    i64 r152 = op_add(r151, r147);
    const f32 w153 = b1_up[r152];
    f32 r153 = load_f32(w153);
    f32 r154 = op_neg(r150);
    f32 r155 = -87.0f;
    f32 r156 = 88.0f;
    f32 r157 = op_max(r154, r155);
    f32 r158 = op_min(r157, r156);
    f32 r159 = 1.442695f;
    f32 r160 = op_mul(r158, r159);
    f32 r161 = op_nearest(r160);
    f32 r162 = -0.6933594f;
    f32 r163 = op_fma(r161, r162, r158);
    f32 r164 = 0.00021219444f;
    f32 r165 = op_fma(r161, r164, r163);
    f32 r166 = 0.00019875691f;
    f32 r167 = 0.0013981999f;
    f32 r168 = op_fma(r166, r165, r167);
    f32 r169 = 0.008333452f;
    f32 r170 = op_fma(r168, r165, r169);
    f32 r171 = 0.041665796f;
    f32 r172 = op_fma(r170, r165, r171);
    f32 r173 = 0.16666666f;
    f32 r174 = op_fma(r172, r165, r173);
    f32 r175 = 0.5f;
    f32 r176 = op_fma(r174, r165, r175);
    f32 r177 = 1.0f;
    f32 r178 = op_fma(r176, r165, r177);
    f32 r179 = 1.0f;
    f32 r180 = op_fma(r178, r165, r179);
    f32 r181 = op_scale2(r180, r161);
    f32 r182 = 1.0f;
    f32 r183 = op_add(r182, r181);
    f32 r184 = op_div(r182, r183);
    f32 r185 = op_mul(r150, r184);
    f32 r186 = op_mul(r185, r153);
    i64 r187 = op_mul(r145, g1_columns);
    i64 r188 = op_add(r187, r147);
    b2_y[r188] = store_f32(r186);
  }
}
